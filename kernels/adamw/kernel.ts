import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { AdamwAttrs, AdamwSizes } from "./attrs.ts";
import { adamwCpu } from "./cpu.ts";
import { adamwReference } from "./reference.ts";
import { adamwWebGpu } from "./webgpu.ts";

/** Operations an element: 15 for the update, 3 for the average. */
const FLOPS = { update: 15, ema: 3 };

function sizesOf(inputs: readonly Spec[]): AdamwSizes {
  const groups = sizeOf(inputs[3].shape);
  return { groups, each: sizeOf(inputs[0].shape) / groups };
}

function checkAdamw(name: string, inputs: readonly Spec[]): void {
  const [param, m, v, steps, correction, grad, hyper, gate, active, ema] = inputs;
  const refuse = (reason: string) => {
    throw new ShapeError(`Cannot ${name} ${inputs.map(formatSpec).join(", ")}: ${reason}`);
  };
  if ([m, v, grad, ema ?? param].some(({ shape }) => !sameShape(shape, param.shape))) {
    refuse(`moments, gradient and EMA must have the parameter's shape [${param.shape.join(", ")}]`);
  }
  const [groups] = steps.shape;
  if (steps.shape.length !== 1 || (groups !== 1 && groups !== param.shape[0])) {
    refuse(`steps must be u32[1], or u32[G] for a parameter of shape [G, ...]`);
  }
  if (!sameShape(correction.shape, [groups, 2])) refuse(`correction must be f32[${groups}, 2]`);
  if (!sameShape(active.shape, [groups])) refuse(`active must be i32[${groups}]`);
  if (!sameShape(hyper.shape, [1]) || !sameShape(gate.shape, [1])) refuse("hyper and gate must be f32[1]");
}

/** Inputs: param, m, v, steps, correction (all in place), grad, hyper, gate, active; then ema (in place). */
function adamwKernel(name: string, ema: boolean): Kernel<AdamwAttrs> {
  const mutates = [0, 1, 2, 3, 4, ...(ema ? [9] : [])];
  return {
    name,
    mutates,
    infer(inputs) {
      const types = ["f32", "f32", "f32", "u32", "f32", "f32", "f32", "f32", "i32"] as const;
      expectDTypes(name, inputs, ema ? [...types, "f32"] : types);
      checkAdamw(name, inputs);
      return [];
    },
    cost(inputs) {
      const flops = FLOPS.update + (ema ? FLOPS.ema : 0);
      return streamingCost(inputs, mutates.map((i) => inputs[i]), flops * sizeOf(inputs[0].shape));
    },
    reference: (inputs, _outputs, attrs) => adamwReference(inputs, attrs),
    webgpu: (inputs, attrs, limits) => adamwWebGpu(sizesOf(inputs), attrs, ema, limits),
    cpu: (inputs, attrs) => adamwCpu(sizesOf(inputs), attrs, ema),
  };
}

/** The `adamw` kernel. */
export const ADAMW: Kernel<AdamwAttrs> = adamwKernel("adamw", false);

/** The `adamw_ema` kernel: the same pass over memory moves the average along. */
export const ADAMW_EMA: Kernel<AdamwAttrs> = adamwKernel("adamw_ema", true);
