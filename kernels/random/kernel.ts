import { ShapeError } from "../../engine/core/errors.ts";
import { normalTable } from "../../engine/core/random.ts";
import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Kernel, type Limits, streamingCost, type WebGpuPlan } from "../../engine/kernel.ts";
import { normalCpu, uniformCpu } from "./cpu.ts";
import philoxSource from "./philox.wgsl" with { type: "text" };
import normalSource from "./random_normal.wgsl" with { type: "text" };
import uniformSource from "./random_uniform.wgsl" with { type: "text" };
import { normalReference, uniformReference } from "./reference.ts";

/** Attributes of the random kernels. */
export interface RandomAttrs {
  /** Shape of the output. */
  readonly shape: Shape;
  /** Third word of the counter, a whole number from 0 to 2^32 - 1. */
  readonly stream: number;
}

const WORKGROUP = 64;

function checkRandom(name: string, [rng]: readonly Spec[], { stream }: RandomAttrs): void {
  if (sizeOf(rng.shape) !== 3) {
    throw new ShapeError(
      `Cannot ${name} from ${formatSpec(rng)}: u32[3] is wanted (seed low, seed high, step)`,
    );
  }
  if (!Number.isInteger(stream) || stream < 0 || stream >= 2 ** 32) {
    throw new RangeError(`Cannot ${name} from stream ${stream}: wanted a whole number from 0 to 2^32 - 1`);
  }
}

/** One invocation makes a block of four elements. */
function randomWebGpu(
  source: string,
  slots: number,
  { shape, stream }: RandomAttrs,
  limits: Limits,
): WebGpuPlan {
  const size = sizeOf(shape);
  return {
    launches: [{
      source: `${philoxSource}\n${source}`,
      overrides: { workgroup_size: WORKGROUP, size, stream },
      bindings: Array.from({ length: slots }, (_, slot) => slot),
      groups: gridOf(Math.ceil(size / (4 * WORKGROUP)), limits),
    }],
  };
}

/** The `random_uniform` kernel. It has no backward rule: its output is a constant. */
export const RANDOM_UNIFORM: Kernel<RandomAttrs> = {
  name: "random_uniform",
  infer(inputs, attrs) {
    expectDTypes("random_uniform", inputs, ["u32"]);
    checkRandom("draw uniform numbers", inputs, attrs);
    return [f32(...attrs.shape)];
  },
  cost: (inputs, { shape }) => streamingCost(inputs, [f32(...shape)], sizeOf(shape)),
  reference: ([rng], [out], { stream }) => uniformReference(rng, out, stream),
  webgpu: (_inputs, attrs, limits) => randomWebGpu(uniformSource, 2, attrs, limits),
  cpu: (_inputs, attrs) => uniformCpu(attrs),
};

/** The `random_normal` kernel; its second input is `normalTable()`. It has no backward rule. */
export const RANDOM_NORMAL: Kernel<RandomAttrs> = {
  name: "random_normal",
  infer(inputs, attrs) {
    expectDTypes("random_normal", inputs, ["u32", "i32"]);
    checkRandom("draw normal numbers", inputs, attrs);
    const wanted = normalTable().length;
    if (sizeOf(inputs[1].shape) !== wanted) {
      throw new ShapeError(
        `Cannot draw normal numbers by ${formatSpec(inputs[1])}: a table of i32[${wanted}] is wanted`,
      );
    }
    return [f32(...attrs.shape)];
  },
  cost: (inputs, { shape }) => streamingCost(inputs, [f32(...shape)], sizeOf(shape)),
  reference: ([rng, table], [out], { stream }) => normalReference(rng, table, out, stream),
  webgpu: (_inputs, attrs, limits) => randomWebGpu(normalSource, 3, attrs, limits),
  cpu: (_inputs, attrs) => normalCpu(attrs),
};
