import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { formatSpec, makeSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import type { Kernel } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";

/** Attributes of `reshape`. */
export interface ReshapeAttrs {
  /** Shape of the output. */
  readonly shape: Shape;
}

/** The `reshape` kernel: an alias, so nothing runs. */
export const RESHAPE: Kernel<ReshapeAttrs> = {
  name: "reshape",
  alias: true,
  infer([x], { shape }) {
    if (sizeOf(x.shape) !== sizeOf(shape)) {
      throw new ShapeError(
        `Cannot reshape ${formatSpec(x)} to [${shape.join(", ")}]: ${sizeOf(x.shape)} elements are not ${
          sizeOf(shape)
        }`,
      );
    }
    return [makeSpec(x.dtype, shape)];
  },
  cost: () => ({ flops: 0, bytesRead: 0, bytesWritten: 0 }),
  reference() {},
  webgpu: () => ({ launches: [] }),
  cpu: () => ({ calls: [] }),
  vjp: ({ inputs, grads }) => [grads[0] && reshape(grads[0], inputs[0].shape)],
};

/**
 * The same elements in another shape; free, since tensors are contiguous and row-major.
 *
 * @throws {ShapeError} when the number of elements differs
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return apply(RESHAPE, [x], { shape })[0];
}
