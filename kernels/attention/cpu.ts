import { f32 as f32Spec, type Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  math,
  maxLanes,
  type Procedure,
  sumLanes,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { forQueryHeads, keyHeadOf } from "./cpu_heads.ts";
import {
  arrange,
  BLOCK,
  type ColumnRange,
  columnsOf,
  definePack,
  hideScores,
  paddedSizes,
} from "./cpu_pack.ts";
import { defineLoadQueries, defineScores, rowsOf, storeScaled } from "./cpu_queries.ts";
import { defineProduct, GROUP, PANEL, PANEL_BYTES } from "./cpu_product.ts";
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";

/** Multiplications of one part of the work. */
const GRAIN_PRODUCTS = 1 << 18;

/** One work item a key head with its group of query heads: its keys and values are copied to scratch once. */
export function attentionCpu(inputs: readonly Spec[], attrs: AttentionAttrs): CpuPlan {
  const g = geometryOf(inputs, attrs);
  const slot = (input: number) => input < 0 ? g.q : input;
  const bindings = [g.q, g.k, g.v, slot(g.table), slot(g.sinks), g.inputs, g.inputs + 1, g.inputs + 2];
  return {
    calls: [{
      key: keyOf("attention", g, attrs),
      build: () => attentionModule(g, attrs),
      bindings,
      range: g.batch * g.kvHeads,
      grain: grainOf(g, 2),
    }],
    scratch: [{ spec: f32Spec(scratchOf(g).bytes / 4), perLane: true }],
  };
}

/** Names generated code: everything but the number of batch entries. */
export function keyOf(name: string, g: Geometry, attrs: AttentionAttrs): string {
  return [name, g.tokens, g.heads, g.kvHeads, g.headDim, ...Object.values(attrs)].join(" ");
}

/** Items that make a part of the work, where an item takes `products` products of N x N x D a query head. */
export function grainOf(g: Geometry, products: number): number {
  const each = products * g.tokens * g.tokens * g.headDim * (g.heads / g.kvHeads);
  return Math.ceil(GRAIN_PRODUCTS / each);
}

function scratchOf(g: Geometry) {
  const size = paddedSizes(g);
  return arrange({
    keys: size.scoreRow * g.headDim,
    values: size.channelRow * size.tokens,
    queries: BLOCK * size.channelRow,
    scores: BLOCK * size.scoreRow,
    sums: BLOCK * size.channelRow,
    row: size.channelRow,
    inverses: 4 * BLOCK,
  });
}

function attentionModule(g: Geometry, attrs: AttentionAttrs): Uint8Array<ArrayBuffer> {
  const { at, bytes } = scratchOf(g);
  const rotated = attrs.block > 0;
  return kernelModule((f) => {
    const [q, k, v, table, sinks, out, lse, scratch] = f.pointers(8);
    const base = f.localI32("base", i32.add(scratch, i32.mul(f.lane, bytes)));
    const byToken = { byToken: true, byChannel: false, rotated };
    const byChannel = { byToken: false, byChannel: true, rotated: false };
    const packKeys = definePack(f, "pack_keys", g, attrs, byToken);
    const packValues = definePack(f, "pack_values", g, attrs, byChannel);
    const block = defineBlock(f, g, attrs);
    // The rows behind the last token are never written: they must hold numbers, since 0 times NaN is NaN.
    f.fill(i32.add(base, at.values), 0, at.queries - at.values);
    f.forRange(f.begin, f.end, 1, (item) => {
      const keyHead = keyHeadOf(f, g, item);
      const [row, keys, values] = [at.row, at.keys, at.values].map((offset) => i32.add(base, offset));
      f.call(packKeys, i32.add(k, keyHead.k), table, keys, 0, row);
      f.call(packValues, i32.add(v, keyHead.v), table, 0, values, row);
      forQueryHeads(f, g, keyHead, (own) => {
        const from = f.localI32("from", i32.add(q, own.q));
        const to = f.localI32("to", i32.add(out, own.out));
        const stats = f.localI32("stats", i32.add(lse, own.stats));
        const given = f32.load(i32.add(sinks, i32.mul(own.head, 4)));
        const sink = f.localF32("sink", attrs.sinks ? given : -Infinity);
        f.forRange(0, g.tokens, BLOCK, (n) => f.call(block, base, from, table, n, sink, to, stats));
      });
    });
  });
}

/** Sixteen queries of one head from end to end: scratch, q, table, first query, sink, out, lse. */
function defineBlock(
  kernel: KernelBuilder,
  g: Geometry,
  attrs: AttentionAttrs,
): Procedure<readonly ["i32", "i32", "i32", "i32", "f32", "i32", "i32"]> {
  const { at } = scratchOf(g);
  const size = paddedSizes(g);
  const loadQueries = defineLoadQueries(kernel, g, attrs);
  const score = defineScores(kernel, "scores", g);
  const weigh = defineProduct(kernel, "weighted_values", {
    ...{ aRow: size.scoreRow, aStep: 4, bStep: PANEL_BYTES, bPanel: PANEL_BYTES * size.tokens },
    ...{ cRow: size.channelRow, accumulate: false, unroll: 4 },
  });
  const parameters = ["i32", "i32", "i32", "i32", "f32", "i32", "i32"] as const;
  return kernel.procedure("block", parameters, (f, base, q, table, first, sink, out, lse) => {
    const rows = f.localI32("rows", rowsOf(g, first));
    const groups = f.localI32("groups", i32.div_u(i32.add(rows, GROUP - 1), GROUP));
    const columns = columnsOf(f, g, attrs, first, rows);
    const panels = f.localI32("panels", i32.shr_u(i32.sub(columns.high, columns.low), 3));
    const depth = f.localI32("depth", i32.mul(panels, PANEL));
    const queries = i32.add(base, at.queries);
    const scores = i32.add(base, i32.add(i32.mul(columns.low, 4), at.scores));
    f.call(loadQueries, q, table, first, rows, queries);
    const keys = i32.add(base, i32.add(i32.mul(columns.low, 4 * g.headDim), at.keys));
    f.call(score, queries, keys, scores, g.headDim, panels, groups);
    softmaxRows(f, g, attrs, { base, first, rows, depth, sink, lse, columns });
    const values = i32.add(base, i32.add(i32.mul(columns.low, PANEL_BYTES), at.values));
    f.call(weigh, scores, values, i32.add(base, at.sums), depth, size.channels / PANEL, groups);
    f.forCount(rows, (r) => {
      const from = f.localI32("sums", i32.add(base, i32.add(i32.mul(r, size.channelRow), at.sums)));
      const to = f.localI32("to", i32.add(out, i32.mul(i32.add(first, r), 4 * g.heads * g.headDim)));
      const factor = f.localV128("factor", v128.load32_splat(i32.add(base, i32.mul(r, 4)), at.inverses));
      storeScaled(f, g, from, to, factor);
    });
  });
}

/** Locals of a block of queries. */
interface BlockLocals {
  readonly base: Local<"i32">;
  readonly first: Local<"i32">;
  readonly rows: Local<"i32">;
  readonly depth: Local<"i32">;
  readonly sink: Local<"f32">;
  readonly lse: Local<"i32">;
  readonly columns: ColumnRange;
}

/** Replaces the block's scores by weights that still lack their division by the sum. */
function softmaxRows(f: FunctionBuilder, g: Geometry, attrs: AttentionAttrs, block: BlockLocals): void {
  const { at } = scratchOf(g);
  const { base, columns } = block;
  const n = f.localI32("n");
  const row = f.localI32("row");
  const inverse = f.localF32("inverse");
  f.forCount(block.rows, (r) => {
    n.set(i32.add(block.first, r));
    row.set(i32.add(base, i32.add(i32.mul(r, paddedSizes(g).scoreRow), at.scores)));
    hideScores(f, g, attrs, row, n, columns);
    row.set(i32.add(row, i32.mul(columns.low, 4)));
    const target = i32.add(block.lse, i32.mul(n, 4));
    inverse.set(softmaxRow(f, row, block.depth, block.sink, target, attrs.sinks));
    f.storeF32(i32.add(base, i32.mul(r, 4)), inverse, at.inverses);
  });
}

/** Replaces scores by `e^(score - largest)`, stores the log-sum-exp and returns one over the sum. */
function softmaxRow(
  f: FunctionBuilder,
  row: Local<"i32">,
  count: Local<"i32">,
  sink: Local<"f32">,
  lse: Expr<"i32">,
  hasSinks: boolean,
): Expr<"f32"> {
  const end = f.localI32("end", i32.add(row, i32.mul(count, 4)));
  const maxima = [0, 1].map((i) => f.localV128(`max${i}`, f32x4.splat(sink)));
  f.forAddress(row, end, PANEL_BYTES, (at) => {
    maxima.forEach((max, i) => max.set(f32x4.pmax(max, v128.load(at, 16 * i))));
  });
  const largest = f.localV128("largest", f32x4.splat(maxLanes(f, f32x4.pmax(maxima[0], maxima[1]))));
  const sums = [0, 1].map((i) => f.localV128(`sum${i}`, f.f32x4(0)));
  f.forAddress(row, end, PANEL_BYTES, (at) => {
    sums.forEach((sum, i) => {
      const weight = math.exp(f, f32x4.sub(v128.load(at, 16 * i), largest));
      f.storeV128(at, weight, 16 * i);
      sum.set(f32x4.add(sum, weight));
    });
  });
  const total = f.localV128("total", f32x4.splat(sumLanes(f, f32x4.add(sums[0], sums[1]))));
  if (hasSinks) total.set(f32x4.add(total, math.exp(f, f32x4.sub(f32x4.splat(sink), largest))));
  f.storeF32(lse, f32x4.extract_lane(f32x4.add(largest, math.log(f, total)), 0));
  return f32x4.extract_lane(math.recip(f, total), 0);
}
