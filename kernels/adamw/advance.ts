import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { type AdvanceAttrs, COEFFICIENTS } from "./attrs.ts";
import { advanceCpu } from "./cpu_advance.ts";
import { advanceReference } from "./reference.ts";
import { advanceWebGpu } from "./webgpu.ts";

/** Operations a slot: two powers by squaring, up to 23 bits of the step count, and three coefficients. */
const FLOPS = 100;

function checkAdvance(inputs: readonly Spec[]): void {
  const [steps, correction, hyper, gate, , source, decay] = inputs;
  const refuse = (reason: string) => {
    throw new ShapeError(`Cannot adamw_advance ${inputs.map(formatSpec).join(", ")}: ${reason}`);
  };
  const [slots] = steps.shape;
  if (steps.shape.length !== 1) refuse("steps must be u32[S]");
  if (!sameShape(correction.shape, [slots, 2])) refuse(`correction must be f32[${slots}, 2]`);
  if (!sameShape(hyper.shape, [1]) || !sameShape(gate.shape, [1])) refuse("hyper and gate must be f32[1]");
  if (!sameShape(source.shape, [slots]) || !sameShape(decay.shape, [slots])) {
    refuse(`source and decay must be i32[${slots}] and f32[${slots}]`);
  }
}

/** The `adamw_advance` kernel: steps, correction (both in place), hyper, gate, counts, source, decay -> coefficients. */
export const ADAMW_ADVANCE: Kernel<AdvanceAttrs> = {
  name: "adamw_advance",
  mutates: [0, 1],
  infer(inputs) {
    expectDTypes("adamw_advance", inputs, ["u32", "f32", "f32", "f32", "i32", "i32", "f32"]);
    checkAdvance(inputs);
    return [f32(inputs[0].shape[0], COEFFICIENTS)];
  },
  cost(inputs) {
    const [slots] = inputs[0].shape;
    return streamingCost(inputs, [inputs[0], inputs[1], f32(slots, COEFFICIENTS)], FLOPS * slots);
  },
  reference: advanceReference,
  webgpu: ([steps], attrs, limits) => advanceWebGpu(steps.shape[0], attrs, limits),
  cpu: ([steps], attrs) => advanceCpu(steps.shape[0], attrs),
};
