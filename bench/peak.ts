import { f32 } from "../engine/core/spec.ts";
import { DeviceError } from "../engine/core/errors.ts";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  v128,
} from "../engine/device/cpu/wasm/mod.ts";
import { type Kernel, streamingCost, type View } from "../engine/kernel.ts";
import { defineTile, TILE_COLUMNS, TILE_ROWS } from "../kernels/matmul/cpu_tile.ts";

/** Independent sums: what hides the latency of a multiply-add and still fits the registers that V8 hands out. */
const SUMS = 12;
/** Multiply-adds on each sum in one round of the loop. */
const UNROLL = 8;
/** Rounds of one work item: 65,536 vector multiply-adds for each sum, some hundred microseconds. */
const ROUNDS = 8192;
/** Steps of k of the resident panels: 10 and 16 KiB. */
export const TILE_DEPTH = 512;
/** Tiles of one work item. */
const TILES = 64;

/** How many work items there are: one a thread keeps every thread busy. */
export interface PeakAttrs {
  /** Work items. */
  readonly items: number;
}

function noShader(): never {
  throw new DeviceError("Cannot measure the peak of WebGPU by this kernel: it has WASM code only");
}

/**
 * The FMA peak: multiply-adds on registers alone. Input `f32[2]` (factor and summand), output `f32[items, 48]`, every
 * element the sum of 65,536 products.
 */
export const FMA_PEAK: Kernel<PeakAttrs> = {
  name: "fma_peak",
  infer: (_inputs, { items }) => [f32(items, 4 * SUMS)],
  cost: (inputs, { items }) =>
    streamingCost(inputs, [f32(items, 4 * SUMS)], 2 * items * 4 * SUMS * UNROLL * ROUNDS),
  reference([factors], [out]) {
    out.data.fill(factors.data[0] * factors.data[1] * UNROLL * ROUNDS);
  },
  webgpu: noShader,
  cpu: (_inputs, { items }) => ({
    calls: [{
      key: "fma_peak",
      build: () => kernelModule(writeSums),
      bindings: [0, 1],
      range: items,
      grain: 1,
    }],
  }),
};

function writeSums(f: KernelBuilder): void {
  const [factors, out] = f.pointers(2);
  const a = f.localV128("a", v128.load32_splat(factors)), b = f.localV128("b", v128.load32_splat(factors, 4));
  f.forRange(f.begin, f.end, 1, (item) => {
    const sums = Array.from({ length: SUMS }, (_, i) => f.localV128(`sum${i}`));
    sums.forEach((sum) => sum.set(f.f32x4(0)));
    f.forRange(0, ROUNDS, 1, () => addProducts(sums, a, b));
    const to = f.localI32("to", i32.add(out, i32.mul(item, 16 * SUMS)));
    sums.forEach((sum, i) => f.storeV128(to, sum, 16 * i));
  });
}

function addProducts(sums: readonly Local<"v128">[], a: Local<"v128">, b: Local<"v128">): void {
  for (let step = 0; step < UNROLL; step++) {
    for (const sum of sums) sum.set(f32x4.relaxed_madd(a, b, sum));
  }
}

/**
 * The 5x8 tile of the matrix product on panels that stay in the first-level cache: the same loads, shuffles and
 * multiply-adds, with no packing and no traffic. Inputs a `f32[K, 5]` and b `f32[K, 8]` as packed panels, output
 * `f32[items, 5, 8]`, every item the same product, computed 64 times.
 */
export const TILE_PEAK: Kernel<PeakAttrs> = {
  name: "tile_peak",
  infer: (_inputs, { items }) => [f32(items, TILE_ROWS, TILE_COLUMNS)],
  cost: (inputs, { items }) =>
    streamingCost(
      inputs,
      [f32(items, TILE_ROWS, TILE_COLUMNS)],
      2 * items * TILES * TILE_ROWS * TILE_COLUMNS * TILE_DEPTH,
    ),
  reference: tileReference,
  webgpu: noShader,
  cpu: (_inputs, { items }) => ({
    calls: [{
      key: "tile_peak",
      build: () => kernelModule(writeTiles),
      bindings: [0, 1, 2],
      range: items,
      grain: 1,
    }],
  }),
};

function tileReference([a, b]: readonly View[], [out]: readonly View[]): void {
  const size = TILE_ROWS * TILE_COLUMNS;
  for (let i = 0; i < out.data.length; i++) {
    const row = Math.floor(i % size / TILE_COLUMNS), column = i % TILE_COLUMNS;
    let sum = 0;
    for (let k = 0; k < TILE_DEPTH; k++) {
      sum += a.data[k * TILE_ROWS + row] * b.data[k * TILE_COLUMNS + column];
    }
    out.data[i] = sum;
  }
}

function writeTiles(f: KernelBuilder): void {
  const strideC = 4 * TILE_COLUMNS;
  const tile = defineTile(f, TILE_ROWS, { strideB: strideC, strideC, lastColumns: TILE_COLUMNS });
  const zeros = f.data(new Float32Array(TILE_COLUMNS));
  const [a, b, out] = f.pointers(3);
  const end = f.localI32("end", i32.add(a, 4 * TILE_ROWS * TILE_DEPTH));
  const repeat = (g: FunctionBuilder, to: Local<"i32">) =>
    g.forRange(0, TILES, 1, () => g.call(tile, a, end, b, to, zeros, 0, 0));
  f.forRange(f.begin, f.end, 1, (item) => {
    repeat(f, f.localI32("to", i32.add(out, i32.mul(item, TILE_ROWS * strideC))));
  });
}
