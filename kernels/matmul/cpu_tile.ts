import { f32x4, i32, i32x4, storePartial, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type {
  Expr,
  FunctionBuilder,
  KernelBuilder,
  Local,
  Procedure,
} from "../../engine/device/cpu/wasm/mod.ts";

/** Rows of the register tile: 5 x 8 results fill ten of the fifteen vector registers that V8 hands out. */
export const TILE_ROWS = 5;

/** Columns of the register tile and of a packed panel of B: two vectors. */
export const TILE_COLUMNS = 8;

/** Steps of k in one round of the inner loop; panels of A are padded with zeros to a multiple of it. */
export const TILE_STEPS = 4;

/** What the code of a tile is made for; strides are in bytes. */
export interface TileLayout {
  /** From one k to the next in B: 32 in a packed panel, the row of B where it is read in place. */
  readonly strideB: number;
  /** From one row of C to the next. */
  readonly strideC: number;
  /** Columns of C in the last panel, 1 to 8. */
  readonly lastColumns: number;
}

/**
 * `tile(a, aEnd, b, c, base, baseStride, last)`: `rows` x 8 elements of C. `a` to `aEnd` is a packed panel of A. The
 * sums are added to the values at `base`, whose rows are `baseStride` bytes apart: a row of zeros or the bias with
 * stride 0, or C itself. They are added last, so that an element sees one rounding of its full size for each visit
 * and not one for each k. `last` says that the panel is the last of its row.
 */
export type Tile = Procedure<["i32", "i32", "i32", "i32", "i32", "i32", "i32"]>;

const PARAMETERS = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;

/**
 * Defines the tile of `rows` rows.
 *
 * One load of four A values and four shuffles costs less than four splat loads, since every memory access is
 * checked against the bounds; each load stands next to its use because V8 keeps the order that it is given. The
 * first round stands before the loop, which lets V8 move the limit of the memory out of it.
 */
export function defineTile(kernel: KernelBuilder, rows: number, layout: TileLayout): Tile {
  const parameters = PARAMETERS as unknown as Tile["parameters"];
  return kernel.procedure(`tile${rows}`, parameters, (f, a, aEnd, b, c, base, baseStride, last) => {
    const sums = Array.from(
      { length: rows },
      (_, row) => [0, 16].map((offset) => f.localV128(`sum${row}_${offset}`)),
    );
    const round = roundWriter(f, sums, layout.strideB);
    round(a, b);
    const advance = 4 * TILE_STEPS * rows;
    f.forAddress(i32.add(a, advance), aEnd, advance, (at) => {
      b.set(i32.add(b, TILE_STEPS * layout.strideB));
      round(at, b);
    });
    addBase(sums, base, baseStride);
    const store = (columns: number) => storeSums(f, sums, c, layout.strideC, columns);
    if (layout.lastColumns === TILE_COLUMNS) store(TILE_COLUMNS);
    else f.if(last, () => store(layout.lastColumns), () => store(TILE_COLUMNS));
  });
}

type Sums = readonly (readonly Local<"v128">[])[];

function addBase(sums: Sums, base: Local<"i32">, stride: Local<"i32">): void {
  sums.forEach((vectors, row) => {
    if (row > 0) base.set(i32.add(base, stride));
    vectors.forEach((sum, j) => sum.set(f32x4.add(sum, v128.load(base, 16 * j))));
  });
}

function roundWriter(
  f: FunctionBuilder,
  sums: Sums,
  strideB: number,
): (a: Expr<"i32">, b: Expr<"i32">) => void {
  const four = f.localV128("a"), splat = f.localV128("splat");
  const columns = [0, 16].map((offset) => f.localV128(`b${offset}`));
  return (a, b) => {
    for (let i = 0; i < TILE_STEPS * sums.length; i++) {
      const step = Math.floor(i / sums.length), row = i % sums.length;
      if (i % 4 === 0) four.set(v128.load(a, 4 * i));
      if (row === 0) columns.forEach((column, j) => column.set(v128.load(b, step * strideB + 16 * j)));
      splat.set(i32x4.shuffle(four, four, [i % 4, i % 4, i % 4, i % 4]));
      columns.forEach((column, j) => sums[row][j].set(f32x4.relaxed_madd(splat, column, sums[row][j])));
    }
  };
}

function storeSums(f: FunctionBuilder, sums: Sums, c: Local<"i32">, stride: number, columns: number): void {
  sums.forEach((vectors, row) => {
    if (row > 0) c.set(i32.add(c, stride));
    vectors.forEach((vector, j) => {
      if (columns > 4 * j) storePartial(f, c, vector, Math.min(4, columns - 4 * j), 16 * j);
    });
  });
}
