import { ShapeError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { gridOf, type Kernel, type Limits, streamingCost, type WebGpuPlan } from "../../engine/kernel.ts";
import { ropeCpu } from "./cpu.ts";
import { ropeReference } from "./reference.ts";
import source from "./rope.wgsl" with { type: "text" };
import { checkRotation } from "./rotation.ts";

/** Attributes of `rope`. */
export interface RopeAttrs {
  /** Even number of channels; the first half of each block turns with the second. */
  readonly block: number;
  /** Applies the transposed matrix: the rotation by the negative angle. */
  readonly inverse: boolean;
}

const WORKGROUP = 64;

/** The `rope` kernel: its backward is itself, by the negative angle. */
export const ROPE: Kernel<RopeAttrs> = {
  name: "rope",
  infer(inputs, { block }) {
    expectDTypes("rope", inputs, ["f32", "f32"]);
    const [x, table] = inputs;
    if (x.shape.length !== 4) {
      throw new ShapeError(`Cannot rotate ${formatSpec(x)}: f32[B, N, H, D] is wanted`);
    }
    checkRotation(`rotate ${formatSpec(x)}`, table, block, x.shape[1], x.shape[3]);
    return [f32(...x.shape)];
  },
  cost: (inputs) => streamingCost(inputs, [inputs[0]], 3 * sizeOf(inputs[0].shape)),
  reference: ([x, table], [out], attrs) => ropeReference(x, table, out, attrs),
  webgpu: ([x], attrs, limits) => ropeWebGpu(x, attrs, limits),
  cpu: ([x], attrs) => ropeCpu(x, attrs),
  vjp({ inputs: [, table], grads: [grad], attrs, needs }) {
    if (!grad || !needs[0]) return [null, null];
    return [apply(ROPE, [grad, table], { ...attrs, inverse: !attrs.inverse })[0], null];
  },
};

function ropeWebGpu(x: Spec, { block, inverse }: RopeAttrs, limits: Limits): WebGpuPlan {
  const [, tokens, heads, headDim] = x.shape;
  const pairs = sizeOf(x.shape) / 2;
  const overrides = {
    workgroup_size: WORKGROUP,
    pairs,
    heads,
    tokens,
    head_dim: headDim,
    half: block / 2,
    inverse: Number(inverse),
  };
  const groups = gridOf(Math.ceil(pairs / WORKGROUP), limits);
  return { launches: [{ source, overrides, bindings: [0, 1, 2], groups }] };
}
