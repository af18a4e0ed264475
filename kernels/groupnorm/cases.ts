import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { GROUPNORM, GROUPNORM_BACKWARD, type GroupNormAttrs } from "./mod.ts";

type Case = KernelCase<GroupNormAttrs>;

const EPS = 1e-6;
const SIZES: readonly (readonly [name: string, groups: number, shape: readonly number[]])[] = [
  ["channels of 5 by 7", 2, [2, 6, 5, 7]],
  ["one element", 1, [1, 1]],
  ["prime channels, each a group", 7, [3, 7, 11]],
  ["one group", 1, [2, 5, 4, 4]],
  ["images of 8 by 8", 4, [3, 16, 8, 8]],
  ["channels of more than one chunk", 2, [1, 4, 4099]],
  ["groups of many channels", 2, [2, 2050, 3]],
  ["many samples", 1, [1031, 2, 3]],
];

function sized([name, groups, shape]: typeof SIZES[number], count: number, more: Partial<Case> = {}): Case {
  const vector = f32(shape[1]);
  const inputs = count === 1 ? [f32(...shape), vector, vector] : [f32(...shape), f32(...shape), vector];
  return { name, inputs, attrs: { groups, eps: EPS }, ...more };
}

/** Standard normal numbers, those of input `at` plus `offset`. */
function shifted(at: number, offset: number) {
  return (inputs: readonly Spec[]) =>
    inputs.map(({ shape }, i) =>
      new Philox(19, i).normals(sizeOf(shape)).map((value) => i === at ? value + offset : value)
    );
}

const FORWARD: readonly Case[] = [
  sized(["a mean of 1,000", 3, [2, 6, 30]], 1, { values: shifted(0, 1000) }),
  sized(["a constant group", 2, [1, 4, 5]], 1, {
    values: ([x, vector]) => {
      const one = new Float32Array(sizeOf(vector.shape)).fill(1);
      return [new Float32Array(sizeOf(x.shape)).fill(3), one, one];
    },
    forwardOnly: true,
  }),
  sized(["a group of a million elements", 1, [1, 16, 256, 256]], 1, { forwardOnly: true }),
  sized(["more than 65,535 workgroups", 32770, [2, 98310, 1]], 1, { forwardOnly: true }),
];

const BACKWARD: readonly Case[] = [
  sized(["a mean of 1,000", 3, [2, 6, 30]], 2, { values: shifted(1, 1000) }),
  sized(["a group of half a million elements", 1, [1, 8, 256, 256]], 2),
  sized(["more than 65,535 workgroups", 32770, [2, 98310, 1]], 2),
];

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  { kernel: GROUPNORM, cases: [...SIZES.map((size) => sized(size, 1)), ...FORWARD] },
  { kernel: GROUPNORM_BACKWARD, cases: [...SIZES.map((size) => sized(size, 2)), ...BACKWARD] },
];
