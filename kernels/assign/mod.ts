import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape } from "../../engine/core/shape.ts";
import { byteLength, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { bindingRanges, bindItems } from "../../engine/device/webgpu/ranges.ts";
import { gridOf, type Kernel } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { assignCpu } from "./cpu.ts";
import { assignReference } from "./reference.ts";
import source from "./assign.wgsl" with { type: "text" };

const WORKGROUP = 64;
/** Bytes of an element, whatever its type. */
const WORD = 4;

/** The `assign` kernel: inputs target and source, the target written in place. */
export const ASSIGN: Kernel = {
  name: "assign",
  mutates: [0],
  copies: true,
  infer([target, from]) {
    if (target.dtype !== from.dtype || !sameShape(target.shape, from.shape)) {
      throw new ShapeError(
        `Cannot assign ${formatSpec(from)} to ${formatSpec(target)}: both must have one shape and dtype`,
      );
    }
    return [];
  },
  cost: ([target]) => ({ flops: 0, bytesRead: byteLength(target), bytesWritten: byteLength(target) }),
  reference: ([target, from]) => assignReference(target, from),
  webgpu([target], _attrs, limits) {
    const size = byteLength(target) / WORD;
    return {
      launches: bindingRanges(size, WORD, limits).map((range) => ({
        source,
        overrides: { size: range.count },
        bindings: [0, 1].map((slot) => bindItems(slot, range, WORD, size)),
        groups: gridOf(Math.ceil(range.count / WORKGROUP), limits),
      })),
    };
  },
  cpu: ([target]) => assignCpu(target),
};

/**
 * Copies `source` over `target`, in place; both of one shape and dtype.
 *
 * @throws {ShapeError} when shapes or dtypes differ
 */
export function assign(target: Tensor, source: Tensor): void {
  apply(ASSIGN, [target, source], {});
}
