import { Philox } from "../../../engine/core/random.ts";
import type { HostArray } from "../../../engine/core/dtype.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32, i32, type Spec } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import { dispatchRows } from "../histogram_scan/layout.ts";
import { planDispatch } from "../histogram_scan/reference.ts";
import { inHalf } from "../../half_cases.ts";
import { COMBINE, COMBINE_BACKWARD, GATHER, GATHER_BACKWARD } from "./mod.ts";

interface Size {
  readonly T: number;
  readonly K: number;
  readonly D: number;
  readonly E: number;
  readonly tile: number;
  readonly forwardOnly?: boolean;
}

const SIZES: readonly Size[] = [
  { T: 1, K: 1, D: 1, E: 1, tile: 1 },
  { T: 6, K: 2, D: 3, E: 4, tile: 4 },
  { T: 13, K: 3, D: 67, E: 5, tile: 8 },
  { T: 31, K: 2, D: 128, E: 16, tile: 16 },
  { T: 9, K: 6, D: 21, E: 8, tile: 4 },
  { T: 66_000, K: 1, D: 1, E: 2, tile: 1, forwardOnly: true },
];

/** Cases of one kernel; inputs named `row` and `slot` hold a real plan, the others normals. */
function casesOf(
  specsOf: (size: Size, rows: number) => readonly Spec[],
  names: readonly string[],
): KernelCase[] {
  const cases = SIZES.map((size): KernelCase => {
    const { T, K, D, E, tile, forwardOnly } = size;
    const rows = dispatchRows(T * K, E, tile);
    return {
      name: `${T} tokens of ${D}, top ${K} of ${E}, tile ${tile}`,
      inputs: specsOf(size, rows),
      attrs: {},
      forwardOnly,
      values: (specs) => {
        const plan = randomPlan(size, rows);
        return specs.map((spec, i): HostArray => {
          if (names[i] === "row" || names[i] === "slot") return plan[names[i]];
          return new Philox(5, i).normals(sizeOf(spec.shape));
        });
      },
    };
  });
  const moved = names.flatMap((name, i) => ["x", "y", "grad"].includes(name) ? [i] : []);
  return [...cases, ...cases.slice(1, 4).map((test) => inHalf(test, { inputs: moved }))];
}

function randomPlan(
  { T, K, E, tile }: Size,
  rows: number,
): { row: Int32Array<ArrayBuffer>; slot: Int32Array<ArrayBuffer> } {
  const plan = {
    counts: new Int32Array(E),
    offsets: new Int32Array(E + 1),
    row: new Int32Array(T * K),
    slot: new Int32Array(rows),
    tileExpert: new Int32Array(rows / tile),
  };
  planDispatch(new Philox(11, 2).integers(T * K, E), plan, tile);
  return plan;
}

/** Sizes of both kernels and of their backward kernels: one, a prime, tails of vectors, more than 65,535 workgroups. */
export const suites: readonly AnySuite[] = [
  {
    kernel: GATHER,
    cases: casesOf(({ T, K, D }, R) => [f32(T, D), i32(R), i32(T, K)], ["x", "slot", "row"]),
  },
  {
    kernel: GATHER_BACKWARD,
    cases: [
      ...casesOf(({ T, K, D }, R) => [f32(R, D), i32(T, K)], ["grad", "row"]),
      ...casesOf(({ T, K, D }, R) => [f32(R, D), i32(T, K), f32(T, D)], ["grad", "row", "before"]),
    ],
  },
  {
    kernel: COMBINE,
    cases: [
      ...casesOf(
        ({ T, K, D }, R) => [f32(R, D), f32(T, K), i32(T, K), i32(R)],
        ["y", "weights", "row", "slot"],
      ),
      ...casesOf(
        ({ T, K, D }, R) => [f32(R, D), f32(T, K), i32(T, K), i32(R), f32(T, D)],
        ["y", "weights", "row", "slot", "base"],
      ),
    ],
  },
  {
    kernel: COMBINE_BACKWARD,
    cases: casesOf(
      ({ T, K, D }, R) => [f32(T, D), f32(R, D), f32(T, K), i32(T, K), i32(R)],
      ["grad", "y", "weights", "row", "slot"],
    ),
  },
];
