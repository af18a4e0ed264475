import type { View } from "../../../engine/kernel.ts";
import type { ExpertChoiceAttrs } from "./layout.ts";

type Numbers = View["data"];

/** Whole numbers in the order of the f32 bit patterns: -NaN, -inf, .., -0, +0, .., inf, NaN. */
function keysOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer).map((bits) => bits ^ (bits >> 31 & 0x7fffffff));
}

/** Positions of a column in descending order, ties to the lower position. */
function descending(column: Float32Array): number[] {
  const keys = keysOf(column);
  return [...keys.keys()].sort((a, b) => keys[b] - keys[a] || a - b);
}

function columnOf(data: Numbers, first: number, stride: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, t) => data[first + t * stride]);
}

/** A limit as a whole number from 0 to `most`. */
function limitOf(limits: Numbers, e: number, most: number): number {
  return Math.min(Math.max(Math.trunc(limits[e]), 0), most);
}

/** The definition of `expert_choice`: sort every column, keep the first ones, lay the experts out one after the other. */
export function choiceReference(
  [scores, limits]: readonly View[],
  outputs: readonly View[],
  { groups, most, tile }: ExpertChoiceAttrs,
): void {
  const [row, slot, counts, offsets, tileExpert] = outputs.map(({ data }) => data);
  const [T, E] = scores.spec.shape;
  const own = T / groups;
  row.fill(slot.length - 1);
  slot.fill(-1);
  tileExpert.fill(-1);
  offsets[0] = 0;
  for (let e = 0; e < E; e++) {
    const limit = limitOf(limits.data, e, most);
    for (let g = 0; g < groups; g++) {
      const best = descending(columnOf(scores.data, g * own * E + e, E, own)).slice(0, limit);
      best.sort((a, b) => a - b).forEach((t, i) => {
        const r = offsets[e] + g * limit + i;
        const pair = (g * own + t) * E + e;
        row[pair] = r;
        slot[r] = pair;
      });
    }
    counts[e] = groups * limit;
    const tiles = Math.ceil(counts[e] / tile);
    tileExpert.fill(e, offsets[e] / tile, offsets[e] / tile + tiles);
    offsets[e + 1] = offsets[e] + tiles * tile;
  }
}

/** The definition of `kth_largest`: the value at position `k - 1` of the sorted column. */
export function kthReference([x, k]: readonly View[], [out]: readonly View[]): void {
  const [T, E] = x.spec.shape;
  for (let e = 0; e < E; e++) {
    const column = columnOf(x.data, e, E, T);
    const at = Math.max(limitOf(k.data, e, T), 1) - 1;
    out.data[e] = x.data[descending(column)[at] * E + e];
  }
}
