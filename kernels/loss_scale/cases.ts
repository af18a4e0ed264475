import { f32, i32, u32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { SCALED_GATE, type ScaledGateAttrs } from "./mod.ts";

interface Step {
  readonly norm: number;
  readonly loss?: number;
  readonly scale: number;
  readonly good?: number;
  readonly halted?: number;
  readonly maxNorm?: number | null;
}

function step(
  { norm, loss = 0.5, scale, good = 0, halted = 0, maxNorm = 1 }: Step,
): KernelCase<ScaledGateAttrs> {
  return {
    name: `norm ${norm}, loss ${loss}, scale ${scale}, good ${good}, halted ${halted}, maxNorm ${maxNorm}`,
    inputs: [f32(1), f32(), u32(1), f32(), i32(1)],
    attrs: { maxNorm, growEvery: 3, most: 2 ** 24 },
    values: () => [
      Float32Array.of(norm),
      Float32Array.of(loss),
      Uint32Array.of(halted),
      Float32Array.of(scale),
      Int32Array.of(good),
    ],
  };
}

/** Every way through the decision. */
export const suites: readonly AnySuite[] = [{
  kernel: SCALED_GATE,
  cases: [
    step({ norm: 3 * 1024, scale: 1024 }),
    step({ norm: 0.3 * 1024, scale: 1024, good: 1 }),
    step({ norm: 3 * 1024, scale: 1024, good: 2 }),
    step({ norm: 3 * 1024, scale: 1024, maxNorm: null }),
    step({ norm: 1, scale: 2 ** 24, good: 2 }),
    step({ norm: 0, scale: 1, good: 2, maxNorm: 0.1 }),
    step({ norm: Infinity, scale: 1024, good: 2 }),
    step({ norm: NaN, scale: 2, maxNorm: null }),
    step({ norm: 1, loss: NaN, scale: 65_536 }),
    step({ norm: Infinity, scale: 1, good: 1 }),
    step({ norm: 1, loss: -Infinity, scale: 1 }),
    step({ norm: 1, scale: 1024, good: 2, halted: 1 }),
    step({ norm: Infinity, scale: 1024, good: 2, halted: 1 }),
  ],
}];
