import {
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  type Local,
  type Operand,
  type Procedure,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { rotateRow } from "../rope/rotate_wasm.ts";
import type { AttentionAttrs, Geometry } from "./geometry.ts";
import { PANEL, PANEL_BYTES } from "./cpu_product.ts";

/** Query rows that are worked on together. */
export const BLOCK = 16;

/** Sizes of a head in scratch memory. */
export interface PaddedSizes {
  /** Tokens and channels, rounded up to whole panels. */
  readonly tokens: number;
  readonly channels: number;
  /** Bytes of a row of scores, and of a row of channels. */
  readonly scoreRow: number;
  readonly channelRow: number;
}

/** Rounds a head's sizes up. */
export function paddedSizes({ tokens, headDim }: Geometry): PaddedSizes {
  const up = (size: number) => Math.ceil(size / PANEL) * PANEL;
  return {
    tokens: up(tokens),
    channels: up(headDim),
    scoreRow: 4 * up(tokens),
    channelRow: 4 * up(headDim),
  };
}

/** Byte offsets of named areas, one behind the other, and their sum as a multiple of 64. */
export function arrange<K extends string>(
  sizes: Readonly<Record<K, number>>,
): { readonly at: Readonly<Record<K, number>>; readonly bytes: number } {
  let bytes = 0;
  const at = {} as Record<K, number>;
  for (const name of Object.keys(sizes) as K[]) {
    at[name] = bytes;
    bytes += Math.ceil(sizes[name] / 64) * 64;
  }
  return { at, bytes };
}

/** How `definePack` leaves a head of keys or values behind. */
export interface PackLayout {
  /** Panels of eight tokens, `[N/8, D, 8]`: columns of `q k^T` and of `dO v^T`. */
  readonly byToken: boolean;
  /** Panels of eight channels, `[D/8, N, 8]`: columns of `P v` and of `dS k`. */
  readonly byChannel: boolean;
  readonly rotated: boolean;
}

/** Parameters of a pack: first row of the head, table, panels by token, panels by channel, a row of scratch. */
export type PackParameters = readonly ["i32", "i32", "i32", "i32", "i32"];

/** Defines the copy of one head of keys or values into panels, rotated on the way. */
export function definePack(
  kernel: KernelBuilder,
  name: string,
  g: Geometry,
  attrs: AttentionAttrs,
  layout: PackLayout,
): Procedure<PackParameters> {
  const parameters = ["i32", "i32", "i32", "i32", "i32"] as const;
  const panelBytes = PANEL_BYTES * paddedSizes(g).tokens;
  return kernel.procedure(name, parameters, (f, source, table, byToken, byChannel, row) => {
    f.forCount(g.tokens, (n) => {
      const from = f.localI32("from", i32.add(source, i32.mul(n, 4 * g.kvStride)));
      if (layout.rotated) {
        rotateToken(f, { from, to: row, table, n }, g, attrs.block, false);
        from.set(row);
      }
      const column = f.localI32("column", i32.mul(i32.shr_u(n, 3), PANEL_BYTES * g.headDim));
      column.set(i32.add(byToken, i32.add(column, i32.shl(i32.and(n, PANEL - 1), 2))));
      const line = f.localI32("line", i32.add(byChannel, i32.mul(n, PANEL_BYTES)));
      for (let d = 0; d < g.headDim; d += 4) {
        const quad = f.localV128("quad", v128.load(from, 4 * d));
        if (layout.byChannel) {
          f.storeV128(line, quad, Math.floor(d / PANEL) * panelBytes + 4 * (d % PANEL));
        }
        for (let lane = 0; layout.byToken && lane < 4 && d + lane < g.headDim; lane++) {
          f.storeLane32(column, quad, lane, PANEL_BYTES * (d + lane));
        }
      }
    });
  });
}

/** One head of one token: where it is, where it goes, and its position. */
export interface TokenRow {
  readonly from: Local<"i32">;
  readonly to: Local<"i32">;
  readonly table: Operand<"i32">;
  readonly n: Local<"i32">;
}

/** Writes code that rotates one head of token `n`. */
export function rotateToken(
  f: FunctionBuilder,
  { from, to, table, n }: TokenRow,
  g: Geometry,
  block: number,
  inverse: boolean,
): void {
  const cos = f.localI32("cos", i32.add(table, i32.mul(n, 4 * g.headDim)));
  const sin = f.localI32("sin", i32.add(cos, 4 * g.tokens * g.headDim));
  rotateRow(f, { from, to, cos, sin }, g.headDim, { block, inverse });
}

/** The columns of scores that a block of query rows looks at, as whole panels. */
export interface ColumnRange {
  readonly low: Operand<"i32">;
  readonly high: Operand<"i32">;
}

/** Columns of queries `n` to `n + rows - 1`. */
export function columnsOf(
  f: FunctionBuilder,
  g: Geometry,
  { causal, window }: AttentionAttrs,
  n: Local<"i32">,
  rows: Local<"i32">,
): ColumnRange {
  if (!causal) return { low: 0, high: paddedSizes(g).tokens };
  const high = f.localI32("high", i32.and(i32.add(i32.add(n, rows), PANEL - 1), -PANEL));
  if (window === 0) return { low: 0, high };
  return { low: f.localI32("low", i32.and(firstSeen(f, n, window), -PANEL)), high };
}

/** Overwrites the scores that query `n` does not see, and those of no token, so that their exponential is 0. */
export function hideScores(
  f: FunctionBuilder,
  g: Geometry,
  { causal, window }: AttentionAttrs,
  row: Local<"i32">,
  n: Local<"i32">,
  columns: ColumnRange,
): void {
  const at = (column: Operand<"i32">) => i32.add(row, i32.mul(column, 4));
  const hide = (from: Operand<"i32">, to: Operand<"i32">) =>
    f.forAddress(at(from), at(to), 4, (address) => f.storeF32(address, HIDDEN));
  if (causal && window > 0) hide(columns.low, firstSeen(f, n, window));
  if (causal) hide(i32.add(n, 1), columns.high);
  else if (g.tokens % PANEL !== 0) hide(g.tokens, columns.high);
}

/** Finite, so that it may lose any score without becoming infinite; its exponential is 0 beside every score. */
const HIDDEN = -1e30;

function firstSeen(f: FunctionBuilder, n: Local<"i32">, window: number): Local<"i32"> {
  const first = f.localI32("first", i32.sub(n, window - 1));
  first.set(i32.select(i32.gt_s(first, 0), first, 0));
  return first;
}
