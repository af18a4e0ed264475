import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { type AdamwAttrs, type AdamwSizes, COEFFICIENTS } from "./attrs.ts";
import { adamwCpu } from "./cpu.ts";
import { adamwReference } from "./reference.ts";
import { adamwWebGpu } from "./webgpu.ts";

/** Operations an element: 15 for the update, 3 for the average. */
const FLOPS = { update: 15, ema: 3 };

function sizesOf([param]: readonly Spec[], { line }: AdamwAttrs): AdamwSizes {
  return { size: sizeOf(param.shape), line };
}

function checkAdamw(name: string, inputs: readonly Spec[], { line }: AdamwAttrs): void {
  const [param, m, v, grad, coefficients, slots, ema] = inputs;
  const refuse = (reason: string) => {
    throw new ShapeError(`Cannot ${name} ${inputs.map(formatSpec).join(", ")}: ${reason}`);
  };
  if ([m, v, grad, ema ?? param].some(({ shape }) => !sameShape(shape, param.shape))) {
    refuse(`moments, gradient and EMA must have the parameter's shape [${param.shape.join(", ")}]`);
  }
  const [rows] = coefficients.shape;
  if (!sameShape(coefficients.shape, [rows, COEFFICIENTS])) refuse(`coefficients must be f32[S, 4]`);
  if (!Number.isInteger(line) || line < 1) refuse(`line must be a whole number above 0, got ${line}`);
  const lines = sizeOf(param.shape) / line;
  if (!Number.isInteger(lines)) refuse(`lines of ${line} elements must fill the parameter`);
  if (!sameShape(slots.shape, [lines])) refuse(`slots must be i32[${lines}] for lines of ${line} elements`);
}

/** Inputs: param, m, v (in place), grad, coefficients, slots; then ema (in place). */
function adamwKernel(name: string, ema: boolean): Kernel<AdamwAttrs> {
  const mutates = [0, 1, 2, ...(ema ? [6] : [])];
  return {
    name,
    mutates,
    infer(inputs, attrs) {
      const types = ["f32", "f32", "f32", "f32", "f32", "i32"] as const;
      expectDTypes(name, inputs, ema ? [...types, "f32"] : types);
      checkAdamw(name, inputs, attrs);
      return [];
    },
    cost(inputs) {
      const flops = FLOPS.update + (ema ? FLOPS.ema : 0);
      return streamingCost(inputs, mutates.map((i) => inputs[i]), flops * sizeOf(inputs[0].shape));
    },
    reference: (inputs, _outputs, attrs) => adamwReference(inputs, attrs),
    webgpu: (inputs, attrs, limits) => adamwWebGpu(sizesOf(inputs, attrs), attrs, ema, limits),
    cpu: (inputs, attrs) => adamwCpu(sizesOf(inputs, attrs), attrs, ema),
  };
}

/** The `adamw` kernel. */
export const ADAMW: Kernel<AdamwAttrs> = adamwKernel("adamw", false);

/** The `adamw_ema` kernel: the same pass over memory moves the average along. */
export const ADAMW_EMA: Kernel<AdamwAttrs> = adamwKernel("adamw_ema", true);
