import type { HostArray } from "../../../engine/core/dtype.ts";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32, i32, type Spec } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import { inHalf } from "../../half_cases.ts";
import { GROUPED_MATMUL, GROUPED_MATMUL_OUTER, type GroupedMatmulAttrs } from "./mod.ts";

/** Rows of each expert, the tile that they are padded to, and tiles beyond the last group. */
interface Load {
  readonly counts: readonly number[];
  readonly tile: number;
  readonly spare?: number;
}

interface Size extends Load {
  readonly name: string;
  readonly n: number;
  readonly k: number;
}

const SIZES: readonly Size[] = [
  { name: "one row of one expert", counts: [1], tile: 1, n: 1, k: 1 },
  { name: "no rows, a tile, a tile and one", counts: [0, 8, 9, 3], tile: 8, spare: 2, n: 12, k: 20 },
  { name: "all rows to one expert", counts: [0, 0, 67, 0], tile: 8, spare: 3, n: 13, k: 11 },
];

const FORWARD_SIZES: readonly Size[] = [
  { name: "tiles of 32", counts: [33, 0, 32, 1, 31], tile: 32, spare: 1, n: 24, k: 16 },
  { name: "no rows at all", counts: [0, 0], tile: 8, spare: 2, n: 5, k: 7 },
  { name: "rows of several blocks", counts: [130, 5, 70], tile: 8, n: 68, k: 300 },
  { name: "tiles of 2, odd groups", counts: [3, 5, 1, 0, 7], tile: 2, n: 67, k: 71 },
  { name: "tiles of 40", counts: [41, 3], tile: 40, n: 130, k: 36 },
];

const MANY_TILES: Size = {
  name: "more than 65,535 tiles",
  counts: [65_537, 3],
  tile: 1,
  n: 1,
  k: 1,
};

const tilesOf = (rows: number, tile: number) => Math.ceil(rows / tile);

function rowsOf({ counts, tile, spare = 0 }: Load): number {
  return tile * counts.reduce((sum, rows) => sum + tilesOf(rows, tile), spare);
}

/** The integers of a plan, as `dispatch` would make them for these counts. */
function planOf({ counts, tile, spare = 0 }: Load): Int32Array<ArrayBuffer>[] {
  const offsets = new Int32Array(counts.length + 1);
  counts.forEach((rows, e) => offsets[e + 1] = offsets[e] + tile * tilesOf(rows, tile));
  const owners = counts.flatMap((rows, e) => new Array<number>(tilesOf(rows, tile)).fill(e));
  const unused = new Array<number>(spare).fill(-1);
  return [Int32Array.from(counts), offsets, Int32Array.from([...owners, ...unused])];
}

/** Normals, padding rows included (the kernels must not let them through), then the plan. */
function valuesOf(size: Size): (specs: readonly Spec[]) => readonly HostArray[] {
  return (specs) => {
    const plan = planOf(size);
    return specs.map((spec, i) =>
      spec.dtype === "f32" ? new Philox(11, i + 1).normals(sizeOf(spec.shape)) : plan[i - 2]
    );
  };
}

function grouped(size: Size, transposeWeight: boolean, forwardOnly = false): KernelCase<GroupedMatmulAttrs> {
  const { name, counts, tile, n, k } = size;
  const [rows, experts] = [rowsOf(size), counts.length];
  return {
    name: `${name}, ${transposeWeight ? "x W^T" : "x W"}`,
    inputs: [
      f32(rows, transposeWeight ? k : n),
      f32(experts, n, k),
      i32(experts),
      i32(experts + 1),
      i32(rows / tile),
    ],
    attrs: { tile, transposeWeight },
    values: valuesOf(size),
    forwardOnly,
  };
}

/** The same product, added to something. */
function addedTo(test: KernelCase<GroupedMatmulAttrs>, { n, k }: Size): KernelCase<GroupedMatmulAttrs> {
  const [rows] = test.inputs[0].shape;
  const addend = f32(rows, test.attrs.transposeWeight ? n : k);
  return { ...test, name: `${test.name}, added to`, inputs: [...test.inputs, addend], forwardOnly: true };
}

function outer(size: Size): KernelCase {
  const [rows, experts] = [rowsOf(size), size.counts.length];
  return {
    name: size.name,
    inputs: [f32(rows, size.n), f32(rows, size.k), i32(experts), i32(experts + 1)],
    attrs: {},
    values: valuesOf(size),
  };
}

/** Sizes of the conformance test and of the benchmark. Going backward, `x W^T` runs the other two as well. */
export const suites: readonly AnySuite[] = [
  {
    kernel: GROUPED_MATMUL,
    cases: [
      ...SIZES.map((size) => grouped(size, true)),
      grouped(SIZES[1], false),
      ...[SIZES[1], SIZES[2]].map((size) => addedTo(grouped(size, true), size)),
      addedTo(grouped(FORWARD_SIZES[2], false), FORWARD_SIZES[2]),
      ...FORWARD_SIZES.flatMap((size) => [grouped(size, true, true), grouped(size, false, true)]),
      grouped(MANY_TILES, true, true),
      inHalf(grouped(SIZES[1], true)),
      inHalf(grouped(SIZES[2], true), { inputs: [0], name: "half-precision rows" }),
      ...FORWARD_SIZES.slice(2, 4).map((size) => inHalf(grouped(size, false, true))),
    ],
  },
  {
    kernel: GROUPED_MATMUL_OUTER,
    cases: [
      ...FORWARD_SIZES.map(outer),
      inHalf(outer(FORWARD_SIZES[0])),
      inHalf(outer(FORWARD_SIZES[3]), { inputs: [1], name: "one operand in half precision" }),
      outer({ name: "more than 65,535 experts", counts: new Array(65_537).fill(1), tile: 1, n: 1, k: 1 }),
    ],
  },
];
