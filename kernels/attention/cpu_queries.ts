import {
  type Expr,
  f32x4,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  type Local,
  type Procedure,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { BLOCK, paddedSizes, rotateToken } from "./cpu_pack.ts";
import { defineProduct, PANEL_BYTES, type ProductParameters } from "./cpu_product.ts";
import type { AttentionAttrs, Geometry } from "./geometry.ts";

/** Rows of the block that starts at query `first`. */
export function rowsOf(g: Geometry, first: Local<"i32">): Expr<"i32"> {
  const left = i32.sub(g.tokens, first);
  return g.tokens % BLOCK === 0 ? i32.const(BLOCK) : i32.select(i32.lt_s(left, BLOCK), left, BLOCK);
}

/** Stores one head of one token, times a factor. */
export function storeScaled(
  f: FunctionBuilder,
  g: Geometry,
  from: Local<"i32">,
  to: Local<"i32">,
  factor: Expr<"v128">,
): void {
  f.forVectors(g.headDim, (at, offset, lanes) => {
    const scaled = f32x4.mul(v128.load(i32.add(from, at), offset), factor);
    storePartial(f, i32.add(to, at), scaled, lanes, offset);
  });
}

/** Defines the copy of a block of queries, rotated and divided by sqrt(D): q, table, first query, rows, target. */
export function defineLoadQueries(
  kernel: KernelBuilder,
  g: Geometry,
  { block }: AttentionAttrs,
): Procedure<readonly ["i32", "i32", "i32", "i32", "i32"]> {
  const parameters = ["i32", "i32", "i32", "i32", "i32"] as const;
  return kernel.procedure("load_queries", parameters, (f, q, table, first, rows, target) => {
    const scale = f.f32x4(1 / Math.sqrt(g.headDim));
    f.forRange(first, i32.add(first, rows), 1, (n) => {
      const from = f.localI32("from", i32.add(q, i32.mul(n, 4 * g.qStride)));
      if (block > 0) {
        rotateToken(f, { from, to: target, table, n }, g, block, false);
        from.set(target);
      }
      storeScaled(f, g, from, target, scale);
      target.set(i32.add(target, paddedSizes(g).channelRow));
    });
  });
}

/** Defines the product of a block of rows of channels with keys or values in panels by token. */
export function defineScores(
  kernel: KernelBuilder,
  name: string,
  g: Geometry,
): Procedure<ProductParameters> {
  const size = paddedSizes(g);
  return defineProduct(kernel, name, {
    ...{ aRow: size.channelRow, aStep: 4, bStep: PANEL_BYTES, bPanel: PANEL_BYTES * g.headDim },
    ...{ cRow: size.scoreRow, accumulate: false, unroll: g.headDim % 4 === 0 ? 4 : 2 },
  });
}
