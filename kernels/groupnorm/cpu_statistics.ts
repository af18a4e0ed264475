import { f32, f32x4, f64, i32, kernelModule, type Local, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { Expr, FunctionBuilder } from "../../engine/device/cpu/wasm/mod.ts";
import { meanOfRow, type RowStep } from "../reduce/cpu_row.ts";
import { type Blocks, grainOf, type UnboundCall, withBlock } from "./cpu_blocks.ts";

/** Bytes of the moments of a chunk and of the statistics of a group: four numbers. */
const RECORD = 16;

/**
 * Of each chunk: its mean, what rounding left out of it, and the mean of the squares about both. Two sweeps, the
 * second from the first-level cache.
 */
export function momentsCall(rows: number, chunks: Blocks): UnboundCall {
  return {
    key: `groupnorm moments ${JSON.stringify(chunks)}`,
    build: () =>
      kernelModule((f) => {
        const [x, moments] = f.pointers(2);
        f.forRange(f.begin, f.end, 1, (item) => {
          withBlock(f, item, chunks, ({ at }, length) => {
            const source = f.localI32("source", i32.add(x, at));
            writeMoments(f, source, length, f.localI32("target", i32.add(moments, i32.mul(item, RECORD))));
          });
        });
      }),
    range: rows * chunks.count,
    grain: grainOf(chunks.size),
  };
}

function writeMoments(f: FunctionBuilder, source: Expr<"i32">, length: number, target: Expr<"i32">): void {
  const load: RowStep<Expr<"v128">> = (at, offset) => v128.load(i32.add(source, at), offset);
  const mean = meanOfRow(f, length, load);
  const centre = f.localV128("centre", f32x4.splat(mean));
  const deviation: RowStep<Expr<"v128">> = (at, offset, lanes) => f32x4.sub(load(at, offset, lanes), centre);
  const rest = meanOfRow(f, length, deviation);
  const squares = meanOfRow(f, length, (at, offset, lanes) => {
    const d = f.localV128("d", deviation(at, offset, lanes));
    return f32x4.mul(d, d);
  });
  f.storeF32(target, mean, 0);
  f.storeF32(target, rest, 4);
  f.storeF32(target, f32.max(f32.sub(squares, f32.mul(rest, rest)), 0), 8);
}

/**
 * Of each group, in f64: its mean, what rounding left out of it, and `1 / sqrt(variance + eps)`. The variance is the
 * mean over chunks, weighted by their lengths, of own variance + (own mean - mean)^2.
 */
export function statisticsCall(rows: number, chunks: Blocks, eps: number): UnboundCall {
  const { width, size, count, last } = chunks;
  return {
    key: `groupnorm statistics ${JSON.stringify([chunks, eps])}`,
    build: () =>
      kernelModule((f) => {
        const [moments, statistics] = f.pointers(2);
        const total = f.localF64("total");
        const eachChunk = (row: Expr<"i32">, term: (record: Local<"i32">) => Expr<"f64">) => {
          total.set(0);
          const record = f.localI32("record", i32.add(moments, i32.mul(row, RECORD * count)));
          f.forCount(count, (chunk) => {
            const length = f64.select(i32.eq(chunk, count - 1), last, size);
            total.set(f64.add(total, f64.mul(term(record), length)));
            record.set(i32.add(record, RECORD));
          });
          return f.localF64("mean", f64.div(total, width));
        };
        const meanOf = (record: Expr<"i32">) =>
          f64.add(f64.promote_f32(f32.load(record)), f64.promote_f32(f32.load(record, 4)));
        f.forRange(f.begin, f.end, 1, (row) => {
          const mean = eachChunk(row, meanOf);
          const variance = eachChunk(row, (record) => {
            const delta = f.localF64("delta", f64.sub(meanOf(record), mean));
            return f64.add(f64.promote_f32(f32.load(record, 8)), f64.mul(delta, delta));
          });
          const target = f.localI32("target", i32.add(statistics, i32.mul(row, RECORD)));
          const rounded = f.localF32("rounded", f32.demote_f64(mean));
          f.storeF32(target, rounded, 0);
          f.storeF32(target, f32.demote_f64(f64.sub(mean, f64.promote_f32(rounded))), 4);
          f.storeF32(target, f32.demote_f64(f64.div(1, f64.sqrt(f64.add(variance, eps)))), 8);
        });
      }),
    range: rows,
    grain: grainOf(4 * count),
  };
}

/** The normalised elements of a group, given the number of the group. */
export function normaliser(
  f: FunctionBuilder,
  statistics: Expr<"i32">,
  group: Expr<"i32">,
): { readonly scale: Expr<"v128">; readonly normal: (x: Expr<"v128">) => Expr<"v128"> } {
  const record = f.localI32("record", i32.add(statistics, i32.mul(group, RECORD)));
  const mean = f.localV128("mean", v128.load32_splat(record));
  const rest = f.localV128("rest", v128.load32_splat(record, 4));
  const scale = f.localV128("scale", v128.load32_splat(record, 8));
  return { scale, normal: (x) => f32x4.mul(f32x4.sub(f32x4.sub(x, mean), rest), scale) };
}
