import { f16, f32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { CAST, type CastAttrs } from "./mod.ts";

function to(dtype: CastAttrs["to"], name: string, ...inputs: Spec[]): KernelCase<CastAttrs> {
  return { name, inputs, attrs: { to: dtype } };
}

/** What rounding does to numbers that half precision does not have. */
const awkward: KernelCase<CastAttrs> = {
  ...to("f16", "ties, subnormals, the largest numbers, none at all", f32(12)),
  values: () => [
    Float32Array.of(
      0,
      -0,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 ** -24,
      2 ** -25,
      3 * 2 ** -25,
      1e-5,
      65504,
      -65504,
      1 / 3,
      2049,
    ),
  ],
};

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [{
  kernel: CAST,
  cases: [
    to("f32", "a copy", f32(3, 5), f32(64)),
    to("f16", "one number", f32()),
    to("f16", "a prime", f32(61)),
    to("f16", "multiples of four", f32(64, 12), f32(8), f32(3, 4)),
    to("f16", "more tensors than one launch can bind", ...[7, 300, 1, 61, 12, 4099].map((size) => f32(size))),
    to("f32", "back", f16(61), f16(3, 4)),
    to("f16", "both dtypes", f16(5), f32(1000)),
    { ...to("f16", "more than 65,535 workgroups", f32(65_536 * 64 + 65)), forwardOnly: true },
    awkward,
  ],
}];
