import { f32 } from "../../engine/core/spec.ts";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  type Operand,
  type Procedure,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuScratch } from "../../engine/kernel.ts";
import { GRAIN_FLOPS, grainOf, smaller } from "../matmul/cpu.ts";
import { defineTile, type Tile, TILE_COLUMNS, TILE_ROWS, TILE_STEPS } from "../matmul/cpu_tile.ts";
import { blocksOf, stageBytes } from "./cpu_blocks.ts";
import { defineFillBlock } from "./cpu_gather.ts";
import { packCall, packedBytes, packedPanel } from "./cpu_weights.ts";
import type { Gather, Product } from "./product.ts";

/** Rows of a block of the product: with 256 steps of k their weights are 240 KiB. */
const BLOCK_ROWS = 240;

/** Fewest rows of a block that a product is cut into for the sake of balance. */
const FEWEST_ROWS = 30;

/** Most work items that a product is cut into for the sake of balance. */
const MOST_ITEMS = 32;

/** The slots of a product. */
export interface ProductSlots {
  /** What the implicit matrix is made of. */
  readonly image: number;
  /** Weights as they are given. */
  readonly weights: number;
  /** Any slot where there is no bias. */
  readonly bias: number;
  /** The output. */
  readonly out: number;
  /** Packed weights. */
  readonly packed: number;
  /** What every lane has. */
  readonly lanes: number;
}

/** Calls of a product: the weights are packed once, then each work item makes a block of the output. */
export function productCalls(product: Product, slots: ProductSlots): CpuCall[] {
  return [
    packCall(product, [slots.weights, slots.packed]),
    multiplyCall(product, [slots.image, slots.packed, slots.bias, slots.out, slots.lanes]),
  ];
}

/** Scratch of a product: packed weights, and what every lane has. */
export function productScratch(product: Product): CpuScratch[] {
  const lane = f32(laneLayout(product).bytes / 4);
  return [{ spec: f32(packedBytes(product) / 4) }, { spec: lane, perLane: true }];
}

/** A lane holds a block of the implicit matrix, a block of the output, and a channel's stage. */
function laneLayout(product: Product): { sums: number; stage: number; bytes: number } {
  const blocks = blocksOf(product.gather);
  const sums = blocks.depth * blocks.pitch;
  const stage = sums + Math.min(blockRows(product), product.rows) * blocks.pitch;
  return { sums, stage, bytes: stage + stageBytes(blocks.stage) };
}

/** Rows of a block: fewer where there are few blocks of pixels. */
function blockRows({ gather, rows }: Product): number {
  const { rowBlocks, columnBlocks } = blocksOf(gather);
  const items = gather.batch * rowBlocks * columnBlocks;
  const wanted = Math.min(MOST_ITEMS, Math.floor(productFlops(gather, rows) / GRAIN_FLOPS));
  const parts = Math.min(Math.ceil(wanted / items), Math.floor(rows / FEWEST_ROWS));
  const blocks = Math.max(1, parts, Math.ceil(rows / BLOCK_ROWS));
  return TILE_ROWS * Math.ceil(rows / blocks / TILE_ROWS);
}

function productFlops({ batch, channels, rows, columns, taps }: Gather, height: number): number {
  return 2 * batch * height * rows * columns * channels * taps[0] * taps[1];
}

/** One work item makes one block of the output: some rows at the positions of one block of one image. */
function multiplyCall(product: Product, bindings: readonly number[]): CpuCall {
  const { gather, rows } = product;
  const { rowBlocks, columnBlocks } = blocksOf(gather);
  const range = gather.batch * rowBlocks * columnBlocks * Math.ceil(rows / blockRows(product));
  return {
    key: `conv2d ${JSON.stringify([product])}`,
    build: () => multiplyModule(product),
    bindings,
    range,
    grain: grainOf(productFlops(gather, rows) / range),
  };
}

/** What an item of a product works on; rows are counted in panels of 5, the last of which may be partial. */
interface Item {
  readonly image: Local<"i32">;
  readonly row: Local<"i32">;
  readonly column: Local<"i32">;
  readonly firstPanel: Local<"i32">;
  readonly endPanel: Local<"i32">;
  readonly valid: Local<"i32">;
}

function readItem(f: FunctionBuilder, product: Product, item: Local<"i32">): Item {
  const { gather } = product, blocks = blocksOf(gather);
  const panels = Math.ceil(product.rows / TILE_ROWS), perBlock = blockRows(product) / TILE_ROWS;
  const parts = Math.ceil(panels / perBlock);
  const place = f.localI32("place", i32.div_u(item, parts));
  const line = f.localI32("line", i32.div_u(place, blocks.columnBlocks));
  const row = f.localI32("row", i32.mul(i32.rem_u(line, blocks.rowBlocks), blocks.rows));
  const column = f.localI32("column", i32.mul(i32.rem_u(place, blocks.columnBlocks), blocks.columns));
  const height = smaller(f, i32.sub(gather.rows, row), blocks.rows);
  const width = smaller(f, i32.sub(gather.columns, column), blocks.columns);
  const firstPanel = f.localI32("firstPanel", i32.mul(i32.rem_u(item, parts), perBlock));
  return {
    image: f.localI32("image", i32.div_u(line, blocks.rowBlocks)),
    row,
    column,
    firstPanel,
    endPanel: f.localI32("endPanel", smaller(f, i32.add(firstPanel, perBlock), panels)),
    valid: f.localI32("valid", i32.mul(height, width)),
  };
}

function multiplyModule(product: Product): Uint8Array<ArrayBuffer> {
  const { gather, rows } = product, blocks = blocksOf(gather), lane = laneLayout(product);
  const panels = Math.ceil(rows / TILE_ROWS), taps = gather.taps[0] * gather.taps[1];
  const bytes = packedPanel(product);
  return kernelModule((f) => {
    const fill = defineFillBlock(f, gather, blocks), multiply = defineMultiply(f, product);
    const writeItem = defineWrite(f, product);
    const [images, packed, bias, out, lanes] = f.pointers(5);
    const matrix = f.localI32("matrix", i32.add(lanes, i32.mul(f.lane, lane.bytes)));
    const sums = f.localI32("sums", i32.add(matrix, lane.sums));
    const stage = f.localI32("stage", i32.add(matrix, lane.stage));
    f.forRange(f.begin, f.end, 1, (index) => {
      const item = readItem(f, product, index);
      const { image, row, column, firstPanel, endPanel, valid } = item;
      const plane = 4 * gather.channels * gather.height * gather.width;
      const from = f.localI32("from", i32.add(images, i32.mul(image, plane)));
      const weights = f.localI32("weights", i32.add(packed, i32.mul(firstPanel, bytes)));
      f.forRange(0, gather.channels, blocks.channels, (channel) => {
        const end = f.localI32("end", smaller(f, i32.add(channel, blocks.channels), gather.channels));
        f.call(fill, matrix, stage, from, row, column, channel, end);
        const steps = f.localI32("steps", roundUp(i32.mul(i32.sub(end, channel), taps)));
        f.call(multiply, weights, matrix, sums, firstPanel, endPanel, valid, steps, channel);
        weights.set(i32.add(weights, panels * bytes));
      });
      writeItem(f, item, sums, bias, out);
    });
  });
}

function roundUp(steps: Operand<"i32">): Operand<"i32"> {
  return i32.and(i32.add(steps, TILE_STEPS - 1), -TILE_STEPS);
}

/** `multiply(weights, matrix, sums, firstPanel, endPanel, positions, steps, accumulate)`: one block of k. */
type Multiply = Procedure<["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"]>;

/** Each panel of 8 positions stays in the first-level cache while the weights of the block pass by. */
function defineMultiply(kernel: KernelBuilder, product: Product): Multiply {
  const { rows, gather } = product, { pitch } = blocksOf(gather), bytes = packedPanel(product);
  const layout = { strideB: pitch, strideC: pitch, lastColumns: TILE_COLUMNS };
  const rest = rows % TILE_ROWS, panels = Math.ceil(rows / TILE_ROWS);
  const whole = defineTile(kernel, TILE_ROWS, layout);
  const partial = rest > 0 ? defineTile(kernel, rest, layout) : undefined;
  const zeros = kernel.data(new Float32Array(TILE_COLUMNS));
  const parameters = Array(8).fill("i32") as unknown as Multiply["parameters"];
  return kernel.procedure(
    "multiply",
    parameters,
    (f, weights, matrix, sums, first, end, positions, steps, more) => {
      const wholeEnd = f.localI32("wholeEnd", smaller(f, end, panels - (partial ? 1 : 0)));
      const start = f.localI32("start", zeros), stride = f.localI32("stride", i32.select(more, pitch, 0));
      f.forRange(0, positions, TILE_COLUMNS, () => {
        const a = f.localI32("a", weights), c = f.localI32("c", sums);
        const tile = (code: Tile, height: number) => {
          const aEnd = i32.add(a, i32.mul(steps, 4 * height));
          f.call(code, a, aEnd, matrix, c, i32.select(more, c, start), stride, 0);
        };
        f.forRange(first, wholeEnd, 1, () => {
          tile(whole, TILE_ROWS);
          a.set(i32.add(a, bytes));
          c.set(i32.add(c, TILE_ROWS * pitch));
        });
        if (partial) f.if(i32.eq(end, panels), () => tile(partial, rest));
        matrix.set(i32.add(matrix, 4 * TILE_COLUMNS));
        sums.set(i32.add(sums, 4 * TILE_COLUMNS));
      });
    },
  );
}

type WriteItem = (
  f: FunctionBuilder,
  item: Item,
  sums: Local<"i32">,
  bias: Local<"i32">,
  out: Local<"i32">,
) => void;

/** Copies the sums of an item to their places, with bias and relu. */
function defineWrite(kernel: KernelBuilder, product: Product): WriteItem {
  const { gather, rows, placement: { height, width, offset, step } } = product;
  const { pitch, columns, columnBlocks } = blocksOf(gather);
  const writeRow = defineWriteRow(kernel, product);
  const together = step[0] * step[1] === 1 && width === gather.columns;
  return (f, { image, row, column, firstPanel, endPanel, valid }, sums, bias, out) => {
    const first = f.localI32("first", i32.mul(firstPanel, TILE_ROWS));
    const end = smaller(f, i32.mul(endPanel, TILE_ROWS), rows);
    const pixel = i32.add(
      i32.mul(i32.add(i32.mul(row, step[0]), offset[0]), width),
      i32.add(i32.mul(column, step[1]), offset[1]),
    );
    const plane = i32.add(i32.mul(i32.add(i32.mul(image, rows), first), height * width), pixel);
    const to = f.localI32("to", i32.add(out, i32.shl(plane, 2)));
    const from = f.localI32("fromSums", sums);
    const at = f.localI32("at", i32.add(bias, i32.shl(first, 2)));
    const length = columnBlocks > 1 || together ? valid : f.localI32("length", columns);
    f.forRange(first, end, 1, () => {
      const target = f.localI32("target", to), source = f.localI32("source", from);
      f.forRange(0, valid, length, () => {
        f.call(writeRow, target, source, length, at);
        target.set(i32.add(target, 4 * step[0] * width));
        source.set(i32.add(source, 4 * columns));
      });
      to.set(i32.add(to, 4 * height * width));
      from.set(i32.add(from, pitch));
      at.set(i32.add(at, 4));
    });
  };
}

/** `write(to, from, count, bias)`: neighbours by vectors, other pixels one by one. */
function defineWriteRow(kernel: KernelBuilder, { bias, relu, placement: { step } }: Product) {
  const parameters = ["i32", "i32", "i32", "i32"] as ["i32", "i32", "i32", "i32"];
  return kernel.procedure("writeRow", parameters, (f, to, from, count, at) => {
    const added = bias ? f.localV128("bias", v128.load32_splat(at)) : undefined;
    const value = () => {
      const sum = added ? f32x4.add(v128.load(from), added) : v128.load(from);
      return relu ? f32x4.pmax(sum, f.f32x4(0)) : sum;
    };
    if (step[1] === 1) {
      f.forRange(4, i32.add(count, 1), 4, () => {
        f.storeV128(to, value());
        to.set(i32.add(to, 16));
        from.set(i32.add(from, 16));
      });
      count.set(i32.and(count, 3));
    }
    f.forRange(0, count, 1, () => {
      f.storeLane32(to, value(), 0);
      to.set(i32.add(to, 4 * step[1]));
      from.set(i32.add(from, 4));
    });
  });
}
