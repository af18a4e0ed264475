import type { HostArray } from "../../engine/core/dtype.ts";
import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, i32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { inHalf } from "../half_cases.ts";
import { GATED_LINEAR, GROUPED_GATED_LINEAR, type GroupedGatedAttrs } from "./mod.ts";

function linear(lead: readonly number[], n: number, k: number, forwardOnly = false): KernelCase {
  return {
    name: `[${lead.join(", ")}, ${k}] to ${n}`,
    inputs: [f32(...lead, k), f32(n, k), f32(n, k)],
    attrs: {},
    forwardOnly,
  };
}

interface Load {
  readonly counts: readonly number[];
  readonly tile: number;
  /** Tiles of no expert, at the end. */
  readonly spare: number;
}

const tilesOf = (rows: number, tile: number) => Math.ceil(rows / tile);

/** The integers of a plan, and which rows hold tokens. */
function planOf({ counts, tile, spare }: Load) {
  const offsets = new Int32Array(counts.length + 1);
  counts.forEach((rows, e) => offsets[e + 1] = offsets[e] + tile * tilesOf(rows, tile));
  const owners = counts.flatMap((rows, e) => new Array<number>(tilesOf(rows, tile)).fill(e));
  const tables = [
    Int32Array.from(counts),
    offsets,
    Int32Array.from([...owners, ...new Array(spare).fill(-1)]),
  ];
  const holds = (row: number) => counts.some((rows, e) => row >= offsets[e] && row < offsets[e] + rows);
  return { tables, holds, rows: tile * (owners.length + spare) };
}

function experts(load: Load, n: number, k: number, forwardOnly = false): KernelCase<GroupedGatedAttrs> {
  const { tables, holds, rows } = planOf(load);
  const count = load.counts.length;
  const values = (specs: readonly Spec[]): HostArray[] =>
    specs.map((spec, i) => {
      if (spec.dtype === "i32") return tables[i - 3];
      const normals = new Philox(12, i + 1).normals(sizeOf(spec.shape));
      return i === 0 ? normals.map((value, at) => holds(Math.floor(at / k)) ? value : 0) : normals;
    });
  return {
    name: `${load.counts.join(" + ")} rows in tiles of ${load.tile}, ${k} to ${n}`,
    inputs: [
      f32(rows, k),
      f32(count, n, k),
      f32(count, n, k),
      i32(count),
      i32(count + 1),
      i32(rows / load.tile),
    ],
    attrs: { tile: load.tile },
    values,
    forwardOnly,
  };
}

/** One, odd sizes, more than one tile each way, experts without rows, more than 65,535 workgroups. */
export const suites: readonly AnySuite[] = [
  {
    kernel: GATED_LINEAR,
    cases: [
      linear([1], 1, 1),
      linear([3, 5], 36, 8),
      linear([67], 71, 37, true),
      linear([130], 68, 132, true),
      linear([1], 32 * 65_536 + 1, 1, true),
      inHalf(linear([3, 5], 36, 8)),
      inHalf(linear([67], 71, 37, true), { inputs: [1, 2], name: "half-precision weights" }),
    ],
  },
  {
    kernel: GROUPED_GATED_LINEAR,
    cases: [
      experts({ counts: [1], tile: 1, spare: 0 }, 1, 1),
      experts({ counts: [0, 8, 9, 3], tile: 8, spare: 2 }, 12, 20),
      experts({ counts: [33, 0, 32, 1], tile: 32, spare: 1 }, 68, 36, true),
      experts({ counts: [3, 5, 1, 0, 7], tile: 2, spare: 1 }, 67, 71, true),
      experts({ counts: [41, 3], tile: 40, spare: 0 }, 37, 8, true),
      inHalf(experts({ counts: [0, 8, 9, 3], tile: 8, spare: 2 }, 12, 20)),
    ],
  },
];
