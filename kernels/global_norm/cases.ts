import { f32, u32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { CLIP_GATE, type ClipGateAttrs, GLOBAL_NORM } from "./mod.ts";

function gateCase(
  norm: number,
  loss: number,
  halted: number,
  maxNorm: number | null,
): KernelCase<ClipGateAttrs> {
  return {
    name: `norm ${norm}, loss ${loss}, halted ${halted}, maxNorm ${maxNorm}`,
    inputs: [f32(1), f32(), u32(1)],
    attrs: { maxNorm },
    values: () => [new Float32Array([norm]), new Float32Array([loss]), new Uint32Array([halted])],
  };
}

/** Sizes of `global_norm` (one, primes, tensors of many chunks, many tensors), and every way through `clip_gate`. */
export const suites: readonly AnySuite[] = [
  {
    kernel: GLOBAL_NORM,
    cases: [
      { name: "one number", inputs: [f32()], attrs: {} },
      { name: "small tensors", inputs: [f32(7), f32(3, 5), f32(1)], attrs: {} },
      { name: "whole and broken chunks", inputs: [f32(8192), f32(16_387), f32(2, 4099)], attrs: {} },
      { name: "more elements than lanes", inputs: [f32(600_011)], attrs: {} },
      { name: "forty tensors", inputs: Array.from({ length: 40 }, (_, i) => f32(1 + i % 5)), attrs: {} },
    ],
  },
  {
    kernel: CLIP_GATE,
    cases: [
      gateCase(3, 0.5, 0, null),
      gateCase(3, 0.5, 0, 1),
      gateCase(0.3, 0.5, 0, 1),
      gateCase(0, 0, 0, 0.1),
      gateCase(0.3, 0.5, 1, 1),
      gateCase(NaN, 0.5, 0, 1),
      gateCase(Infinity, 0.5, 0, null),
      gateCase(1, -Infinity, 0, null),
      gateCase(1, NaN, 0, 1),
    ],
  },
];
