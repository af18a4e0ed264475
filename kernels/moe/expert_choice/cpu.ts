import { i32 as i32Spec, type Spec } from "../../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  i32,
  i32x4,
  type KernelBuilder,
  kernelModule,
  type Local,
  v128,
} from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../../engine/kernel.ts";
import { type ChoiceSizes, choiceSizes, columnSizes, type ExpertChoiceAttrs } from "./layout.ts";

type Word = Local<"i32">;

/** Tokens of one grain, some twenty microseconds. */
const GRAIN_TOKENS = 4_096;
const LEAST_KEY = -0x80000000;

const padded = (count: number) => 4 * Math.ceil(count / 4);
const wordAt = (base: Expr<"i32">, i: Expr<"i32"> | number) => i32.add(base, i32.shl(i, 2));

/** One item a column: an expert in a group. A lane's scratch holds the column's keys. */
export function choiceCpu(inputs: readonly Spec[], attrs: ExpertChoiceAttrs): CpuPlan {
  const sizes = choiceSizes(inputs, attrs);
  const { groupTokens, experts, rows } = sizes;
  const { groups, most, tile } = attrs;
  return {
    scratch: [{ spec: i32Spec(padded(groupTokens)), perLane: true }],
    calls: [{
      key: `expert_choice ${groupTokens} ${experts} ${groups} ${most} ${tile} ${rows}`,
      build: () => kernelModule((f) => chooseColumns(f, sizes, attrs)),
      bindings: [0, 1, 2, 3, 4, 5, 6, 7],
      range: groups * experts,
      grain: Math.max(1, Math.floor(GRAIN_TOKENS / groupTokens)),
    }],
  };
}

/** One item an expert. */
export function kthCpu(inputs: readonly Spec[]): CpuPlan {
  const { tokens, experts } = columnSizes("kth_largest", inputs);
  return {
    scratch: [{ spec: i32Spec(padded(tokens)), perLane: true }],
    calls: [{
      key: `kth_largest ${tokens} ${experts}`,
      build: () =>
        kernelModule((f) => {
          const [x, limits, out, scratch] = f.pointers(4);
          const keys = f.localI32("keys", i32.add(scratch, i32.mul(f.lane, 4 * padded(tokens))));
          f.forRange(f.begin, f.end, 1, (e) => {
            writeKeys(f, keys, wordAt(x, e), experts, tokens);
            const wanted = f.localI32("wanted", limitOf(f, wordAt(limits, e), tokens));
            wanted.set(i32.select(i32.eqz(wanted), 1, wanted));
            f.storeI32(wordAt(out, e), turned(f, keyOfRank(f, keys, tokens, wanted)));
          });
        }),
      bindings: [0, 1, 2, 3],
      range: experts,
      grain: Math.max(1, Math.floor(GRAIN_TOKENS / tokens)),
    }],
  };
}

/** Bits of a float to a signed number of the same order, and back. */
function turned(f: KernelBuilder, bits: Expr<"i32">): Word {
  const own = f.localI32("bits", bits);
  return f.localI32("turned", i32.xor(own, i32.and(i32.shr_s(own, 31), 0x7fffffff)));
}

/** A limit as a whole number from 0 to `most`; NaN is 0. */
function limitOf(f: KernelBuilder, address: Expr<"i32">, most: number): Word {
  const limit = f.localI32("limit", i32.trunc_sat_f32_s(f32.load(address)));
  limit.set(i32.select(i32.lt_s(limit, 0), 0, limit));
  limit.set(i32.select(i32.gt_s(limit, most), most, limit));
  return limit;
}

/** Copies a column, `stride` words apart, as keys; fills the last vector with the least key. */
function writeKeys(f: KernelBuilder, keys: Word, column: Expr<"i32">, stride: number, length: number): void {
  const from = f.localI32("from", column);
  f.forRange(0, 4 * length, 4, (at) => {
    f.storeI32(i32.add(keys, at), turned(f, i32.load(from)));
    from.set(i32.add(from, 4 * stride));
  });
  for (let i = length; i < padded(length); i++) f.storeI32(keys, LEAST_KEY, 4 * i);
}

/**
 * The key of rank `wanted` (1 is the largest; the largest key of all for 0): its bits from the top, each set where at
 * least `wanted` keys are no smaller.
 */
function keyOfRank(f: KernelBuilder, keys: Word, length: number, wanted: Word): Word {
  const key = f.localI32("key"), bit = f.localI32("bit");
  key.set(LEAST_KEY);
  bit.set(LEAST_KEY);
  f.while(i32.ne(bit, 0), () => {
    const candidate = f.localI32("candidate", i32.xor(key, bit));
    const atLeast = countKeys(f, keys, length, (own, value) => i32x4.ge_s(own, value), candidate);
    f.if(i32.ge_s(atLeast, wanted), () => key.set(candidate));
    bit.set(i32.shr_u(bit, 1));
  });
  return key;
}

function countKeys(
  f: KernelBuilder,
  keys: Word,
  length: number,
  holds: (own: Expr<"v128">, value: Expr<"v128">) => Expr<"v128">,
  value: Word,
): Word {
  const wanted = f.localV128("wantedKeys", i32x4.splat(value));
  const count = f.localV128("count", f.i32x4(0, 0, 0, 0));
  f.forRange(0, 4 * padded(length), 16, (at) => {
    count.set(i32x4.sub(count, holds(v128.load(i32.add(keys, at)), wanted)));
  });
  const lanes = [0, 1, 2, 3].map((lane) => i32x4.extract_lane(count, lane));
  return f.localI32("counted", lanes.reduce((sum, lane) => i32.add(sum, lane)));
}

interface Column {
  readonly keys: Word;
  readonly row: Word;
  readonly slot: Word;
  /** Pair of the column's first token. */
  readonly first: Word;
  /** Row of the column's first chosen token. */
  readonly start: Word;
  readonly limit: Word;
}

function chooseColumns(f: KernelBuilder, sizes: ChoiceSizes, attrs: ExpertChoiceAttrs): void {
  const { groupTokens, experts } = sizes;
  const { most, tile, groups } = attrs;
  const [scores, limits, row, slot, counts, offsets, tileExpert, scratch] = f.pointers(8);
  const keys = f.localI32("keys", i32.add(scratch, i32.mul(f.lane, 4 * padded(groupTokens))));
  f.forRange(f.begin, f.end, 1, (column) => {
    const e = f.localI32("e", i32.rem_u(column, experts));
    const g = f.localI32("g", i32.div_u(column, experts));
    const first = f.localI32("first", i32.add(i32.mul(g, groupTokens * experts), e));
    writeKeys(f, keys, wordAt(scores, first), experts, groupTokens);
    const begin = f.localI32("begin", 0);
    f.forRange(0, e, 1, (before) => {
      const all = i32.mul(limitOf(f, wordAt(limits, before), most), groups);
      begin.set(i32.add(begin, roundedUp(all, tile)));
    });
    const limit = f.localI32("own", limitOf(f, wordAt(limits, e), most));
    const start = f.localI32("start", i32.add(begin, i32.mul(g, limit)));
    placeColumn(f, { keys, row, slot, first, start, limit }, sizes);
    f.if(i32.eqz(g), () => fillRest(f, { slot, counts, offsets, tileExpert, e, begin, limit }, sizes, attrs));
  });
}

function roundedUp(count: Expr<"i32">, tile: number): Expr<"i32"> {
  return i32.mul(i32.div_u(i32.add(count, tile - 1), tile), tile);
}

/** Chosen tokens get rows in ascending order, the others the plan's last row. */
function placeColumn(f: KernelBuilder, column: Column, { groupTokens, experts, rows }: ChoiceSizes): void {
  const { keys, row, slot, first, start, limit } = column;
  const threshold = keyOfRank(f, keys, groupTokens, limit);
  const above = countKeys(f, keys, groupTokens, (own, value) => i32x4.gt_s(own, value), threshold);
  const ties = f.localI32("ties", i32.sub(limit, above));
  const next = f.localI32("next", start);
  const pair = f.localI32("pair", first);
  f.forRange(0, 4 * groupTokens, 4, (at) => {
    const key = f.localI32("ownKey", i32.load(i32.add(keys, at)));
    const tied = f.localI32("tied", i32.and(i32.eq(key, threshold), i32.gt_s(ties, 0)));
    f.if(i32.or(i32.gt_s(key, threshold), tied), () => {
      f.storeI32(wordAt(row, pair), next);
      f.storeI32(wordAt(slot, next), pair);
      next.set(i32.add(next, 1));
      ties.set(i32.sub(ties, tied));
    }, () => f.storeI32(wordAt(row, pair), rows - 1));
    pair.set(i32.add(pair, experts));
  });
}

interface Rest extends Readonly<Record<"slot" | "counts" | "offsets" | "tileExpert", Word>> {
  readonly e: Word;
  /** First row of the expert. */
  readonly begin: Word;
  readonly limit: Word;
}

/** The expert's padding, count, offset and tiles; for the last expert also the unused end. */
function fillRest(f: KernelBuilder, rest: Rest, sizes: ChoiceSizes, attrs: ExpertChoiceAttrs): void {
  const { slot, counts, offsets, tileExpert, e, begin, limit } = rest;
  const { experts, rows } = sizes;
  const { groups, tile } = attrs;
  const used = f.localI32("used", i32.mul(limit, groups));
  const end = f.localI32("endRow", i32.add(begin, roundedUp(used, tile)));
  f.storeI32(wordAt(counts, e), used);
  f.storeI32(wordAt(offsets, e), begin);
  f.forRange(i32.add(begin, used), end, 1, (r) => f.storeI32(wordAt(slot, r), -1));
  const endTile = f.localI32("endTile", i32.div_u(end, tile));
  f.forRange(i32.div_u(begin, tile), endTile, 1, (i) => f.storeI32(wordAt(tileExpert, i), e));
  f.if(i32.eq(e, experts - 1), () => {
    f.storeI32(wordAt(offsets, experts), end);
    f.forRange(end, rows, 1, (r) => f.storeI32(wordAt(slot, r), -1));
    f.forRange(endTile, rows / tile, 1, (i) => f.storeI32(wordAt(tileExpert, i), -1));
  });
}
