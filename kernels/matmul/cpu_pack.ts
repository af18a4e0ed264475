import {
  type Expr,
  type FunctionBuilder,
  i32,
  i32x4,
  keepLanes,
  type KernelBuilder,
  type Local,
  type Procedure,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { TILE_COLUMNS, TILE_STEPS } from "./cpu_tile.ts";

/** Bytes that a packed panel of A may take beyond its last element. */
export const PANEL_SLACK = 64;

/** Bytes of a packed panel of A: `depth` steps of k, rounded up to whole rounds, and room for the stores. */
export function panelBytes(rows: number, depth: number): number {
  return 4 * rows * (depth + TILE_STEPS) + PANEL_SLACK;
}

/** `pack(to, from, depth)` copies `depth` steps of k of one panel; `from` is the panel's first element. */
export type Pack = Procedure<["i32", "i32", "i32"]>;

const PARAMETERS = ["i32", "i32", "i32"] as ["i32", "i32", "i32"];

/** How a panel lies in memory: one row of the matrix is `stride` bytes. */
export interface PanelSource {
  /** Rows of op(A), or columns of op(B), in the panel. */
  readonly width: number;
  /** Whether k runs along the rows of the stored matrix (A as it is, B transposed). */
  readonly alongRows: boolean;
  readonly stride: number;
}

/** Defines the packing of `width` rows of op(A) as `[k][width]`, followed by zeros to whole rounds of k. */
export function definePackA(kernel: KernelBuilder, source: PanelSource): Pack {
  return kernel.procedure(`packA${source.width}`, PARAMETERS, (f, to, from, depth) => {
    packPanel(f, source, to, from, depth, source.width);
    f.forRange(0, Math.ceil((TILE_STEPS - 1) * source.width / 4), 1, () => {
      f.storeV128(to, zeros(f));
      to.set(i32.add(to, 16));
    });
  });
}

/**
 * Defines the packing of `width` <= 8 columns of op(B) as `[k][8]`, zeros beside them, and zeros to whole rounds
 * of k below them.
 */
export function definePackB(kernel: KernelBuilder, source: PanelSource): Pack {
  return kernel.procedure(`packB${source.width}`, PARAMETERS, (f, to, from, depth) => {
    packPanel(f, source, to, from, depth, TILE_COLUMNS);
    const rows = i32.and(i32.sub(0, depth), TILE_STEPS - 1);
    f.forRange(0, rows, 1, () => {
      for (const offset of [0, 16]) f.storeV128(to, zeros(f), offset);
      to.set(i32.add(to, 4 * TILE_COLUMNS));
    });
  });
}

function zeros(f: FunctionBuilder): Expr<"v128"> {
  return f.i32x4(0);
}

/** Writes `[k][pitch]`; moves `to` and `from`. */
function packPanel(
  f: FunctionBuilder,
  source: PanelSource,
  to: Local<"i32">,
  from: Local<"i32">,
  depth: Local<"i32">,
  pitch: number,
): void {
  if (!source.alongRows) return copySteps(f, source, to, from, depth, pitch);
  f.forRange(TILE_STEPS, i32.add(depth, 1), TILE_STEPS, () => {
    transposeSteps(f, source, to, from, pitch);
    from.set(i32.add(from, 4 * TILE_STEPS));
    to.set(i32.add(to, 4 * TILE_STEPS * pitch));
  });
  f.forRange(0, i32.and(depth, TILE_STEPS - 1), 1, () => {
    for (let row = 0; row < pitch; row++) {
      f.storeI32(to, row < source.width ? i32.load(from, row * source.stride) : 0, 4 * row);
    }
    from.set(i32.add(from, 4));
    to.set(i32.add(to, 4 * pitch));
  });
}

/** One k is one contiguous piece of a row. The last vector may store beyond it: the next step overwrites that. */
function copySteps(
  f: FunctionBuilder,
  { width, stride }: PanelSource,
  to: Local<"i32">,
  from: Local<"i32">,
  depth: Local<"i32">,
  pitch: number,
): void {
  f.forRange(0, depth, 1, () => {
    for (let i = 0; i < pitch; i += 4) {
      const kept = pitch === TILE_COLUMNS ? Math.min(4, Math.max(0, width - i)) : 4;
      f.storeV128(to, kept === 0 ? zeros(f) : keepLanes(f, v128.load(from, 4 * i), kept, 0), 4 * i);
    }
    from.set(i32.add(from, stride));
    to.set(i32.add(to, 4 * pitch));
  });
}

/** Four k of all rows: groups of four rows are transposed in registers, the rest is stored lane by lane. */
function transposeSteps(
  f: FunctionBuilder,
  { width, stride }: PanelSource,
  to: Local<"i32">,
  from: Local<"i32">,
  pitch: number,
): void {
  const load = (row: number) => row < width ? v128.load(from, row * stride) : zeros(f);
  for (let row = 0; row < pitch; row += 4) {
    if (row + 4 <= pitch) {
      const columns = transpose(f, [0, 1, 2, 3].map((i) => load(row + i)));
      columns.forEach((column, k) => f.storeV128(to, column, 4 * (k * pitch + row)));
    } else {
      for (let rest = row; rest < pitch; rest++) {
        const values = f.localV128("row", load(rest));
        for (let k = 0; k < TILE_STEPS; k++) f.storeLane32(to, values, k, 4 * (k * pitch + rest));
      }
    }
  }
}

/** Transposes a 4 x 4 block held in four vectors. */
export function transpose(f: FunctionBuilder, rows: readonly Expr<"v128">[]): Expr<"v128">[] {
  const [r0, r1, r2, r3] = rows.map((row) => f.localV128("row", row));
  const pair = (a: Expr<"v128">, b: Expr<"v128">, picks: readonly number[]) =>
    f.localV128("pair", i32x4.shuffle(a, b, picks));
  const low01 = pair(r0, r1, [0, 4, 1, 5]), high01 = pair(r0, r1, [2, 6, 3, 7]);
  const low23 = pair(r2, r3, [0, 4, 1, 5]), high23 = pair(r2, r3, [2, 6, 3, 7]);
  return [
    i32x4.shuffle(low01, low23, [0, 1, 4, 5]),
    i32x4.shuffle(low01, low23, [2, 3, 6, 7]),
    i32x4.shuffle(high01, high23, [0, 1, 4, 5]),
    i32x4.shuffle(high01, high23, [2, 3, 6, 7]),
  ];
}
