import { f32, type Spec } from "../../engine/core/spec.ts";
import {
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Operand,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan, Slot } from "../../engine/kernel.ts";
import { BLOCK_ROWS, BLOCK_SCRATCH, type BlockLayout, defineBlock, type Start } from "./cpu_block.ts";
import { dotCall } from "./cpu_dot.ts";
import { definePackB } from "./cpu_pack.ts";
import { TILE_COLUMNS, TILE_ROWS, TILE_STEPS } from "./cpu_tile.ts";
import { type MatmulAttrs, type MatmulSizes, matmulSizes } from "./sizes.ts";

/** Work worth waking another thread for: about 100 µs. */
export const GRAIN_FLOPS = 4e6;

/** Rows up to which B is read in place: packing it would cost more than it saves. */
const DIRECT_ROWS = 40;

/** Rows up to which a transposed B is read in place, by dot products. */
const DOT_ROWS = 16;

/** Panels of a block: with fewer, packing A again for each block of columns would show. */
const FEWEST_PANELS = 8;

/** Most work items that a matmul is cut into for the sake of balance. */
const MOST_ITEMS = 32;

/** Elements that are worth a thread's while to pack. */
export const PACK_GRAIN = 1e5;

/** Grain of a call whose items take `flops` each. */
export function grainOf(flops: number): number {
  return Math.max(1, Math.ceil(GRAIN_FLOPS / flops));
}

/**
 * The product, and how WebAssembly does it.
 *
 * @param start what input 2 is, if there is one
 */
export function matmulCpu(
  inputs: readonly Spec[],
  attrs: MatmulAttrs,
  start: Start = inputs.length === 3 ? "bias" : "zero",
): CpuPlan {
  const sizes = matmulSizes(start === "addend" ? inputs.slice(0, 2) : inputs, attrs);
  const { batch, m, n, k } = sizes;
  const first = start === "zero" ? {} : { [start]: 2 };
  const gemm = { ...attrs, ...first, batch, m, n, k, a: 0, b: 1, c: inputs.length };
  return { ...matmulCalls(inputs.length, attrs, sizes, start), gemm };
}

/** Chooses how the CPU multiplies: B packed first, B read in place, or dot products of rows. */
function matmulCalls(out: Slot, attrs: MatmulAttrs, sizes: MatmulSizes, start: Start): CpuPlan {
  const { batch, m, n, k } = sizes;
  const inPlace = k % TILE_STEPS === 0;
  if (inPlace && attrs.transB && !attrs.transA && m <= DOT_ROWS && start !== "addend") {
    return { calls: [dotCall(sizes, start === "bias")] };
  }
  const blocks = out + 1, packed = out + 2;
  const startSlot = start === "zero" ? 1 : 2;
  const scratch = [{ spec: f32(BLOCK_SCRATCH), perLane: true }];
  if (inPlace && !attrs.transB && m <= DIRECT_ROWS) {
    return { calls: [multiplyCall(sizes, attrs, start, true, [0, 1, out, startSlot, blocks])], scratch };
  }
  return {
    calls: [
      packCall(sizes, attrs.transB, [1, packed]),
      multiplyCall(sizes, attrs, start, false, [0, packed, out, startSlot, blocks]),
    ],
    scratch: [...scratch, { spec: f32(batch * packedElements(n, k)) }],
  };
}

/** Elements of a packed k x n matrix. */
export function packedElements(n: number, k: number): number {
  return Math.ceil(n / TILE_COLUMNS) * TILE_COLUMNS * Math.ceil(k / TILE_STEPS) * TILE_STEPS;
}

/** One work item packs one panel, 8 columns of op(B). */
function packCall({ batch, n, k }: MatmulSizes, transB: boolean, bindings: readonly number[]): CpuCall {
  return {
    key: `matmul_pack ${n} ${k} ${transB}`,
    build: () =>
      kernelModule((f) => {
        const [b, packed] = f.pointers(2);
        const pack = definePanels(f, n, k, transB);
        f.forRange(f.begin, f.end, 1, (item) => pack(f, b, packed, item));
      }),
    bindings,
    range: batch * Math.ceil(n / TILE_COLUMNS),
    grain: Math.max(1, Math.ceil(PACK_GRAIN / (TILE_COLUMNS * k))),
  };
}

/** Writes the packing of panel `item` of a stack of matrices op(B)[k, n]. */
export function definePanels(
  kernel: KernelBuilder,
  n: number,
  k: number,
  transB: boolean,
): (f: FunctionBuilder, b: Operand<"i32">, packed: Operand<"i32">, item: Operand<"i32">) => void {
  const panels = Math.ceil(n / TILE_COLUMNS), last = n - (panels - 1) * TILE_COLUMNS;
  const source = { alongRows: transB, stride: 4 * (transB ? k : n) };
  const whole = definePackB(kernel, { ...source, width: TILE_COLUMNS });
  const partial = last < TILE_COLUMNS ? definePackB(kernel, { ...source, width: last }) : whole;
  const bytes = 4 * packedElements(TILE_COLUMNS, k);
  return (f, b, packed, item) => {
    const index = f.localI32("item", item);
    const panel = f.localI32("panel", i32.rem_u(index, panels));
    const matrix = i32.mul(i32.div_u(index, panels), 4 * n * k);
    const offset = i32.mul(panel, TILE_COLUMNS * 4 * (transB ? k : 1));
    const from = f.localI32("from", i32.add(b, i32.add(matrix, offset)));
    const to = f.localI32("to", i32.add(packed, i32.mul(index, bytes)));
    if (partial === whole) return f.call(whole, to, from, k);
    f.if(i32.eq(panel, panels - 1), () => f.call(partial, to, from, k), () => f.call(whole, to, from, k));
  };
}

/** How the output is cut into work items: blocks of rows, and of panels where there are few rows. */
interface Grid {
  readonly rows: number;
  readonly rowBlocks: number;
  readonly panels: number;
  readonly panelBlocks: number;
}

function gridFor({ batch, m, n, k }: MatmulSizes): Grid {
  const panelCount = Math.ceil(n / TILE_COLUMNS);
  const fewest = Math.ceil(m / BLOCK_ROWS);
  const rows = Math.ceil(m / fewest / TILE_ROWS) * TILE_ROWS;
  const rowBlocks = Math.ceil(m / rows);
  const wanted = Math.min(MOST_ITEMS, Math.floor(2 * batch * m * n * k / GRAIN_FLOPS));
  const columns = Math.ceil(wanted / (batch * rowBlocks));
  const panels = Math.max(FEWEST_PANELS, Math.ceil(panelCount / Math.max(1, columns)));
  return { rows, rowBlocks, panels, panelBlocks: Math.ceil(panelCount / panels) };
}

/** One work item is one block of the output; each packs its own rows of A. */
function multiplyCall(
  sizes: MatmulSizes,
  attrs: MatmulAttrs,
  start: Start,
  inPlace: boolean,
  bindings: readonly number[],
): CpuCall {
  const { batch, m, n, k } = sizes;
  const grid = gridFor(sizes);
  const range = batch * grid.rowBlocks * grid.panelBlocks;
  return {
    key: `matmul ${m} ${n} ${k} ${batch > 1 ? batch : 1} ${attrs.transA} ${start} ${inPlace}`,
    build: () => multiplyModule(sizes, attrs.transA, start, inPlace),
    bindings,
    range,
    grain: grainOf(2 * batch * m * n * k / range),
  };
}

function multiplyModule(
  sizes: MatmulSizes,
  transA: boolean,
  start: Start,
  inPlace: boolean,
): Uint8Array<ArrayBuffer> {
  const { m, n, k } = sizes;
  const { rows, rowBlocks, panels, panelBlocks } = gridFor(sizes);
  const layout = layoutFor(sizes, transA, start, inPlace);
  const { strideA, strideC } = layout;
  const matrixB = inPlace ? 4 * n * k : 4 * packedElements(n, k);
  return kernelModule((f) => {
    const block = defineBlock(f, layout);
    const [a, b, c, biasAt, blocks] = f.pointers(5);
    const scratch = f.localI32("scratch", i32.add(blocks, i32.mul(f.lane, 4 * BLOCK_SCRATCH)));
    f.forRange(f.begin, f.end, 1, (item) => {
      const line = f.localI32("line", i32.div_u(item, panelBlocks));
      const matrix = f.localI32("matrix", i32.div_u(line, rowBlocks));
      const row = f.localI32("row", i32.mul(i32.rem_u(line, rowBlocks), rows));
      const panel = f.localI32("panel", i32.mul(i32.rem_u(item, panelBlocks), panels));
      const fromA = i32.add(i32.mul(matrix, 4 * m * k), i32.mul(row, transA ? 4 : strideA));
      const fromB = i32.add(b, i32.mul(matrix, matrixB));
      const offset = f.localI32("offset", i32.mul(i32.add(i32.mul(matrix, m), row), strideC));
      const to = i32.add(c, offset);
      const from = start === "addend" ? i32.add(biasAt, offset) : biasAt;
      const height = smaller(f, i32.sub(m, row), rows);
      const panelEnd = smaller(f, i32.add(panel, panels), Math.ceil(n / TILE_COLUMNS));
      f.call(block, i32.add(a, fromA), fromB, to, from, scratch, height, panel, panelEnd, k);
    });
  });
}

function layoutFor({ m, n, k }: MatmulSizes, transA: boolean, start: Start, inPlace: boolean): BlockLayout {
  return {
    strideA: 4 * (transA ? m : k),
    transA,
    strideB: inPlace ? 4 * n : 4 * TILE_COLUMNS,
    panelB: inPlace ? 4 * TILE_COLUMNS : 4 * packedElements(TILE_COLUMNS, k),
    strideC: 4 * n,
    columns: n,
    start,
    remainders: [m % TILE_ROWS],
  };
}

/** The smaller of a value and a constant. */
export function smaller(f: FunctionBuilder, value: Operand<"i32">, limit: number): Operand<"i32"> {
  const local = f.localI32("value", value);
  return i32.select(i32.lt_s(local, limit), local, limit);
}
