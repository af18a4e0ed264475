import {
  type Expr,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  type Local,
  type Operand,
  type Procedure,
} from "../../engine/device/cpu/wasm/mod.ts";
import { definePackA, type Pack, panelBytes } from "./cpu_pack.ts";
import { defineTile, type Tile, TILE_COLUMNS, TILE_ROWS, TILE_STEPS } from "./cpu_tile.ts";

/** Steps of k between two visits to C: 8 KiB of a panel of B, and 256 roundings in one sum. */
export const DEPTH = 256;

/** Rows of a block: 60 x 256 elements of A are 61 KB, well inside a second-level cache. */
export const BLOCK_ROWS = 60;

const PANEL_A = panelBytes(TILE_ROWS, DEPTH);

/** Elements of the packed block of A that every lane holds; a multiple of 16, so that lanes share no cache line. */
export const BLOCK_SCRATCH: number = 16 * Math.ceil(BLOCK_ROWS / TILE_ROWS * PANEL_A / 64);

/** What sums begin with: zero, a row that is the same for all rows of C, or a matrix like C. */
export type Start = "zero" | "bias" | "addend";

/** What the code of a block is made for; strides are in bytes. */
export interface BlockLayout {
  /** From one row to the next of A as it is stored. */
  readonly strideA: number;
  readonly transA: boolean;
  /** From one k to the next in a panel of B. */
  readonly strideB: number;
  /** From one panel of B to the next. */
  readonly panelB: number;
  readonly strideC: number;
  /** Columns of C. */
  readonly columns: number;
  /** What the sums of C begin with. */
  readonly start: Start;
  /** Values that `rows % 5` can take, beside 0. */
  readonly remainders: readonly number[];
}

/**
 * `block(a, b, c, bias, scratch, rows, panel, panelEnd, depth)`: rows x columns `[8 panel, 8 panelEnd)` of C.
 *
 * `a` is the first element of the block in A, `b` the first panel of B, `c` the first element of the block's rows
 * in C (column 0), `bias` that row or the same place of the addend, `scratch` room for the packed block. `depth` must
 * be at least 1.
 */
export type Block = Procedure<["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"]>;

const PARAMETERS = ["a", "b", "c", "bias", "scratch", "rows", "panel", "panelEnd", "depth"] as const;

type BlockParameters = Readonly<Record<typeof PARAMETERS[number], Local<"i32">>>;

interface BlockCode {
  readonly layout: BlockLayout;
  readonly packs: ReadonlyMap<number, Pack>;
  readonly tiles: ReadonlyMap<number, Tile>;
  readonly zeros: Expr<"i32">;
}

/**
 * Defines the product of a block: for each 256 steps of k, packs the rows of A, then takes each panel of B past
 * all of them, so that a panel of B stays in the first-level cache and the block of A in the second.
 */
export function defineBlock(kernel: KernelBuilder, layout: BlockLayout): Block {
  const heights = [TILE_ROWS, ...layout.remainders.filter((rows) => rows > 0)];
  const source = { alongRows: !layout.transA, stride: layout.strideA };
  const lastColumns = (layout.columns - 1) % TILE_COLUMNS + 1;
  const code: BlockCode = {
    layout,
    packs: new Map(heights.map((width) => [width, definePackA(kernel, { ...source, width })])),
    tiles: new Map(heights.map((rows) => [rows, defineTile(kernel, rows, { ...layout, lastColumns })])),
    zeros: kernel.data(new Float32Array(TILE_COLUMNS)),
  };
  const types = PARAMETERS.map(() => "i32") as unknown as Block["parameters"];
  return kernel.procedure("block", types, (f, ...locals) => {
    const entries = PARAMETERS.map((name, i) => [name, locals[i]]);
    writeBlock(f, code, Object.fromEntries(entries) as BlockParameters);
  });
}

function writeBlock(f: FunctionBuilder, code: BlockCode, locals: BlockParameters): void {
  const { a, b, depth } = locals;
  const { layout } = code;
  f.forRange(0, depth, DEPTH, (k) => {
    const left = f.localI32("left", i32.sub(depth, k));
    const steps = f.localI32("steps", i32.select(i32.lt_s(left, DEPTH), left, DEPTH));
    packRows(f, code, locals, steps);
    multiplyPanels(f, code, locals, k, steps);
    a.set(i32.add(a, layout.transA ? DEPTH * layout.strideA : 4 * DEPTH));
    b.set(i32.add(b, DEPTH * layout.strideB));
  });
}

/** Visits the tiles of a block: `body` gets a height, the first row and the address of the packed panel. */
function forTiles(
  f: FunctionBuilder,
  code: BlockCode,
  rows: Local<"i32">,
  scratch: Local<"i32">,
  body: (height: number, row: Local<"i32">, panel: Local<"i32">) => void,
): void {
  const row = f.localI32("row", 0), panel = f.localI32("panelA", scratch);
  const next = f.localI32("next", TILE_ROWS);
  f.while(i32.le_s(next, rows), () => {
    body(TILE_ROWS, row, panel);
    row.set(next);
    next.set(i32.add(next, TILE_ROWS));
    panel.set(i32.add(panel, PANEL_A));
  });
  for (const height of code.packs.keys()) {
    if (height === TILE_ROWS) continue;
    f.if(i32.eq(i32.sub(rows, row), height), () => body(height, row, panel));
  }
}

function packRows(
  f: FunctionBuilder,
  code: BlockCode,
  { a, scratch, rows }: BlockParameters,
  steps: Local<"i32">,
): void {
  const { transA, strideA } = code.layout;
  forTiles(f, code, rows, scratch, (height, row, panel) => {
    const from = i32.add(a, i32.mul(row, transA ? 4 : strideA));
    f.call(code.packs.get(height)!, panel, from, steps);
  });
}

function multiplyPanels(
  f: FunctionBuilder,
  code: BlockCode,
  { b, c, bias, scratch, rows, panel, panelEnd }: BlockParameters,
  k: Local<"i32">,
  steps: Local<"i32">,
): void {
  const { layout } = code;
  const rounds = f.localI32("rounds", roundUp(steps));
  const column = 4 * TILE_COLUMNS, lastPanel = Math.ceil(layout.columns / TILE_COLUMNS) - 1;
  f.forRange(panel, panelEnd, 1, (p) => {
    const from = f.localI32("from", i32.add(b, i32.mul(p, layout.panelB)));
    const first = layout.start === "zero" ? code.zeros : i32.add(bias, i32.mul(p, column));
    const start = f.localI32("start", first);
    forTiles(f, code, rows, scratch, (height, row, panelA) => {
      const to = f.localI32("to", i32.add(c, i32.add(i32.mul(row, layout.strideC), i32.mul(p, column))));
      const end = i32.add(panelA, i32.mul(rounds, 4 * height));
      const own = layout.start === "addend" ? i32.add(start, i32.mul(row, layout.strideC)) : start;
      const ownStride = layout.start === "addend" ? layout.strideC : 0;
      const base = i32.select(k, to, own), stride = i32.select(k, layout.strideC, ownStride);
      f.call(code.tiles.get(height)!, panelA, end, from, to, base, stride, i32.eq(p, lastPanel));
    });
  });
}

function roundUp(steps: Operand<"i32">): Expr<"i32"> {
  return i32.and(i32.add(steps, TILE_STEPS - 1), -TILE_STEPS);
}
