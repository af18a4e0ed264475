import {
  type Expr,
  f32,
  f32x4,
  f64,
  type FunctionBuilder,
  i32,
  keepLanes,
  type KernelBuilder,
  type Local,
  math,
  type Operand,
  type Operands,
  type Procedure,
  sumLanes,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { defineLoadQueries, defineScores, rowsOf, storeScaled } from "./cpu_queries.ts";
import { type BackwardArea, backwardScratch } from "./cpu_backward_scratch.ts";
import { BLOCK, type ColumnRange, columnsOf, hideScores, paddedSizes, rotateToken } from "./cpu_pack.ts";
import {
  defineProduct,
  GROUP,
  PANEL,
  PANEL_BYTES,
  type ProductLayout,
  type ProductParameters,
} from "./cpu_product.ts";
import type { AttentionAttrs, Geometry } from "./geometry.ts";

/** Addresses of one query head, and of the lane's scratch. */
export interface BlockAddresses {
  readonly base: Operand<"i32">;
  readonly q: Operand<"i32">;
  readonly table: Operand<"i32">;
  readonly out: Operand<"i32">;
  readonly grad: Operand<"i32">;
  readonly lse: Operand<"i32">;
  readonly lseGrad: Operand<"i32">;
  readonly dq: Operand<"i32">;
}

/** A block from end to end, by its head, first query and sink; the result is its part of the sink's gradient. */
export type BackwardBlock = (
  addresses: BlockAddresses,
  first: Operand<"i32">,
  sink: Operand<"f32">,
) => Expr<"f64">;

/** Defines the work on sixteen queries of one head. */
export function defineBackwardBlock(
  kernel: KernelBuilder,
  g: Geometry,
  attrs: AttentionAttrs,
  hasLseGrad: boolean,
): BackwardBlock {
  const { at } = backwardScratch(g);
  const size = paddedSizes(g);
  const loadQueries = defineLoadQueries(kernel, g, attrs);
  const loadGrads = defineLoadGrads(kernel, g, hasLseGrad);
  const products = defineProducts(kernel, g);
  const rowGradients = defineRowGradients(kernel, g, attrs);
  const storeQueries = defineStoreQueries(kernel, g, attrs.block);
  const parameters = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"] as const;
  const body = kernel.func(
    "block",
    parameters,
    "f64",
    (f, base, q, table, out, grad, lse, lseGrad, dq, first, sink) => {
      const rows = f.localI32("rows", rowsOf(g, first));
      const columns = columnsOf(f, g, attrs, first, rows);
      const area = (name: BackwardArea) => i32.add(base, at[name]);
      f.call(loadQueries, q, table, first, rows, area("queries"));
      f.call(loadGrads, grad, out, lseGrad, first, rows, area("grads"), area("deltas"));
      clearRowsBehind(f, g, rows, [area("queries"), area("grads")], size.channelRow);
      scoreColumns(f, g, products, base, columns, rows);
      const sum = f.localF64("sum", rowGradients(base, lse, first, rows, columns.low, columns.high, sink));
      clearRowsBehind(f, g, rows, [area("scores"), area("slopes")], size.scoreRow);
      addGradients(f, g, products, base, columns, rows);
      f.call(storeQueries, area("queryGrads"), table, first, rows, dq);
      return sum;
    },
  );
  return (a, first, sink) => body(a.base, a.q, a.table, a.out, a.grad, a.lse, a.lseGrad, a.dq, first, sink);
}

/**
 * Defines P = e^(scores - lse) and dS = P (slopes - delta) for the rows of a block, both in place; the result is the
 * block's part of the sink's gradient. Parameters: scratch, lse, first query, rows, columns, sink.
 */
function defineRowGradients(
  kernel: KernelBuilder,
  g: Geometry,
  attrs: AttentionAttrs,
): (...args: Operands<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "f32"]>) => Expr<"f64"> {
  const { at } = backwardScratch(g);
  const { scoreRow } = paddedSizes(g);
  const parameters = ["i32", "i32", "i32", "i32", "i32", "i32", "f32"] as const;
  return kernel.func("row_gradients", parameters, "f64", (f, base, lse, first, rows, low, high, sink) => {
    const sum = f.localF64("sum");
    const [n, row, slope] = ["n", "row", "slope"].map((name) => f.localI32(name));
    const [logSum, delta] = [f.localF32("log_sum"), f.localF32("delta")];
    f.forCount(rows, (r) => {
      n.set(i32.add(first, r));
      row.set(i32.add(i32.add(base, at.scores), i32.mul(r, scoreRow)));
      slope.set(i32.add(row, at.slopes - at.scores));
      hideScores(f, g, attrs, row, n, { low, high });
      logSum.set(f32.load(i32.add(lse, i32.mul(n, 4))));
      delta.set(f32.load(i32.add(base, i32.mul(r, 4)), at.deltas));
      rowGradient(f, row, slope, { low, high }, logSum, delta);
      if (attrs.sinks) sum.set(f64.sub(sum, sinkShare(f, sink, logSum, delta)));
    });
    return sum;
  });
}

/** The five matrix products of the backward pass. */
interface Products {
  readonly scores: Procedure<ProductParameters>;
  readonly transposed: Procedure<ProductParameters>;
  readonly queryGrads: Procedure<ProductParameters>;
}

function defineProducts(kernel: KernelBuilder, g: Geometry): Products {
  const size = paddedSizes(g);
  const transposed: ProductLayout = {
    ...{ aRow: 4, aStep: size.scoreRow, bStep: size.channelRow, bPanel: PANEL_BYTES },
    ...{ cRow: size.channelRow, accumulate: true, unroll: GROUP },
  };
  return {
    scores: defineScores(kernel, "scores", g),
    transposed: defineProduct(kernel, "transposed", transposed),
    queryGrads: defineProduct(kernel, "query_grads", {
      ...{ aRow: size.scoreRow, aStep: 4, bStep: PANEL_BYTES, bPanel: PANEL_BYTES * size.tokens },
      ...{ cRow: size.channelRow, accumulate: false, unroll: 4 },
    }),
  };
}

/** scores = q k^T, slopes = dO v^T. */
function scoreColumns(
  f: FunctionBuilder,
  g: Geometry,
  { scores }: Products,
  base: Local<"i32">,
  { low, high }: ColumnRange,
  rows: Local<"i32">,
): void {
  const { at } = backwardScratch(g);
  const panels = i32.shr_u(i32.sub(high, low), 3);
  const groups = i32.div_u(i32.add(rows, GROUP - 1), GROUP);
  const column = i32.mul(low, 4);
  const from = (area: number) => i32.add(base, i32.add(i32.mul(low, 4 * g.headDim), area));
  const to = (area: number) => i32.add(base, i32.add(column, area));
  f.call(scores, i32.add(base, at.queries), from(at.keys), to(at.scores), g.headDim, panels, groups);
  f.call(scores, i32.add(base, at.grads), from(at.values), to(at.slopes), g.headDim, panels, groups);
}

/** dV += P^T dO, dK += dS^T q, dQ = dS k. */
function addGradients(
  f: FunctionBuilder,
  g: Geometry,
  { transposed, queryGrads }: Products,
  base: Local<"i32">,
  { low, high }: ColumnRange,
  rows: Local<"i32">,
): void {
  const { at } = backwardScratch(g);
  const size = paddedSizes(g);
  const count = f.localI32("count", i32.sub(high, low));
  const groups = f.localI32("groups", i32.div_u(i32.add(rows, GROUP - 1), GROUP));
  const depth = i32.mul(groups, GROUP);
  const panels = size.channels / PANEL;
  const keyGroups = i32.div_u(count, GROUP);
  const column = (area: number) => i32.add(base, i32.add(i32.mul(low, 4), area));
  const row = (area: number) => i32.add(base, i32.add(i32.mul(low, size.channelRow), area));
  const [grads, queries] = [i32.add(base, at.grads), i32.add(base, at.queries)];
  f.call(transposed, column(at.scores), grads, row(at.valueGrads), depth, panels, keyGroups);
  f.call(transposed, column(at.slopes), queries, row(at.keyGrads), depth, panels, keyGroups);
  const keys = i32.add(base, i32.add(i32.mul(low, PANEL_BYTES), at.keyRows));
  f.call(queryGrads, column(at.slopes), keys, i32.add(base, at.queryGrads), count, panels, groups);
}

/** Zeroes the rows that fill up a group of four, since products over rows read them. */
function clearRowsBehind(
  f: FunctionBuilder,
  g: Geometry,
  rows: Local<"i32">,
  areas: readonly Expr<"i32">[],
  rowBytes: number,
): void {
  const surplus = (GROUP - g.tokens % GROUP) % GROUP;
  if (surplus === 0) return;
  f.if(i32.lt_u(rows, BLOCK), () => {
    for (const area of areas) f.fill(i32.add(area, i32.mul(rows, rowBytes)), 0, surplus * rowBytes);
  });
}

/** Defines the copy of a block of dO, and delta of its rows: dO, out, dLse, first query, rows, target, deltas. */
function defineLoadGrads(
  kernel: KernelBuilder,
  g: Geometry,
  hasLseGrad: boolean,
): Procedure<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32"]> {
  const parameters = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return kernel.procedure("load_grads", parameters, (f, grad, out, lseGrad, first, rows, target, deltas) => {
    const offset = f.localI32("offset", i32.mul(first, 4 * g.heads * g.headDim));
    const sums = [0, 1].map((i) => f.localV128(`sum${i}`));
    const delta = f.localF32("delta");
    f.forRange(first, i32.add(first, rows), 1, (n) => {
      const from = f.localI32("from", i32.add(grad, offset));
      const result = f.localI32("result", i32.add(out, offset));
      sums.forEach((sum) => sum.set(f.f32x4(0)));
      f.forVectors(g.headDim, (at, shift, lanes, slot) => {
        const x = f.localV128("x", v128.load(i32.add(from, at), shift));
        f.storeV128(i32.add(target, at), x, shift);
        const product = f32x4.mul(x, v128.load(i32.add(result, at), shift));
        sums[slot].set(f32x4.add(sums[slot], keepLanes(f, product, lanes, 0)));
      }, 2);
      delta.set(sumLanes(f, f32x4.add(sums[0], sums[1])));
      if (hasLseGrad) delta.set(f32.sub(delta, f32.load(i32.add(lseGrad, i32.mul(n, 4)))));
      f.storeF32(deltas, delta);
      deltas.set(i32.add(deltas, 4));
      offset.set(i32.add(offset, 4 * g.heads * g.headDim));
      target.set(i32.add(target, paddedSizes(g).channelRow));
    });
  });
}

/** One row of `defineRowGradients`. */
function rowGradient(
  f: FunctionBuilder,
  scores: Local<"i32">,
  slopes: Local<"i32">,
  { low, high }: ColumnRange,
  lse: Local<"f32">,
  delta: Local<"f32">,
): void {
  const most = f.localV128("lse", f32x4.splat(lse));
  const common = f.localV128("delta", f32x4.splat(delta));
  f.forRange(i32.mul(low, 4), i32.mul(high, 4), PANEL_BYTES, (at) => {
    const [p, ds] = [f.localI32("p", i32.add(scores, at)), f.localI32("ds", i32.add(slopes, at))];
    for (const half of [0, 16]) {
      const weight = math.exp(f, f32x4.sub(v128.load(p, half), most));
      f.storeV128(p, weight, half);
      f.storeV128(ds, f32x4.mul(weight, f32x4.sub(v128.load(ds, half), common)), half);
    }
  });
}

/** `e^(sink - lse) delta` in f64, so that the order of many additions does not show. */
function sinkShare(
  f: FunctionBuilder,
  sink: Local<"f32">,
  lse: Local<"f32">,
  delta: Local<"f32">,
): Expr<"f64"> {
  const p = math.exp(f, f32x4.splat(f32.sub(sink, lse)));
  return f64.mul(f64.promote_f32(f32x4.extract_lane(p, 0)), f64.promote_f32(delta));
}

/** Defines the way of dQ to its tensor, divided by sqrt(D) and turned back: sums, table, first query, rows, dq. */
function defineStoreQueries(
  kernel: KernelBuilder,
  g: Geometry,
  block: number,
): Procedure<readonly ["i32", "i32", "i32", "i32", "i32"]> {
  const parameters = ["i32", "i32", "i32", "i32", "i32"] as const;
  return kernel.procedure("store_queries", parameters, (f, from, table, first, rows, dq) => {
    const scale = f.f32x4(1 / Math.sqrt(g.headDim));
    f.forRange(first, i32.add(first, rows), 1, (n) => {
      const to = f.localI32("to", i32.add(dq, i32.mul(n, 4 * g.qStride)));
      storeScaled(f, g, from, block > 0 ? from : to, scale);
      if (block > 0) rotateToken(f, { from, to, table, n }, g, block, true);
      from.set(i32.add(from, paddedSizes(g).channelRow));
    });
  });
}
