import { i32, type KernelBuilder, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall } from "../../engine/kernel.ts";
import { PACK_GRAIN, smaller } from "../matmul/cpu.ts";
import { definePackA, type Pack, panelBytes } from "../matmul/cpu_pack.ts";
import { TILE_ROWS, TILE_STEPS } from "../matmul/cpu_tile.ts";
import { blocksOf } from "./cpu_blocks.ts";
import type { Product } from "./product.ts";

/** Bytes of 5 rows of packed weights for one block of k. */
export function packedPanel({ gather }: Product): number {
  return 64 * Math.ceil(panelBytes(TILE_ROWS, blocksOf(gather).depth) / 64);
}

/** Bytes of all packed weights: for each block of k, panels of 5 rows. */
export function packedBytes(product: Product): number {
  return blocksOf(product.gather).depthBlocks * Math.ceil(product.rows / TILE_ROWS) * packedPanel(product);
}

/** One work item packs 5 rows of weights for one block of k. */
export function packCall(product: Product, bindings: readonly number[]): CpuCall {
  const { gather, rows, weights } = product;
  const { depthBlocks, depth } = blocksOf(gather);
  return {
    key: `conv2d_pack ${JSON.stringify([gather.channels, gather.taps, rows, weights, depth])}`,
    build: () => packModule(product),
    bindings,
    range: depthBlocks * Math.ceil(rows / TILE_ROWS),
    grain: Math.max(1, Math.ceil(PACK_GRAIN / (TILE_ROWS * depth))),
  };
}

function packModule(product: Product): Uint8Array<ArrayBuffer> {
  const { gather: { channels, taps }, rows, weights } = product;
  const blocks = blocksOf(product.gather), bytes = packedPanel(product);
  const panels = Math.ceil(rows / TILE_ROWS), last = rows - (panels - 1) * TILE_ROWS;
  return kernelModule((f) => {
    const [from, packed] = f.pointers(2);
    const whole = definePackWeights(f, product, TILE_ROWS);
    const partial = last < TILE_ROWS ? definePackWeights(f, product, last) : whole;
    f.forRange(f.begin, f.end, 1, (item) => {
      const panel = f.localI32("panel", i32.rem_u(item, panels));
      const channel = f.localI32("channel", i32.mul(i32.div_u(item, panels), blocks.channels));
      const count = smaller(f, i32.sub(channels, channel), blocks.channels);
      const offset = i32.add(
        i32.mul(panel, 4 * TILE_ROWS * weights.row),
        i32.mul(channel, 4 * weights.channel),
      );
      const source = f.localI32("source", i32.add(i32.add(from, 4 * weights.base), offset));
      const depth = f.localI32("depth", i32.mul(count, taps[0] * taps[1]));
      const to = f.localI32("to", i32.add(packed, i32.mul(item, bytes)));
      f.if(
        i32.eq(panel, panels - 1),
        () => f.call(partial, to, source, depth),
        () => f.call(whole, to, source, depth),
      );
    });
  });
}

/** Rows whose k are neighbours are packed as matmul does it, other weights element by element. */
function definePackWeights(kernel: KernelBuilder, { gather, weights }: Product, width: number): Pack {
  const [tapRows, tapColumns] = gather.taps, [i, j] = weights.taps;
  if (j === 1 && i === tapColumns && weights.channel === tapRows * tapColumns) {
    return definePackA(kernel, { width, alongRows: true, stride: 4 * weights.row });
  }
  const parameters = ["i32", "i32", "i32"] as unknown as Pack["parameters"];
  return kernel.procedure(`packWeights${width}`, parameters, (f, to, from, depth) => {
    f.forRange(0, depth, tapRows * tapColumns, () => {
      const line = f.localI32("line", from);
      f.forRange(0, tapRows, 1, () => {
        const at = f.localI32("at", line);
        f.forRange(0, tapColumns, 1, () => {
          for (let row = 0; row < width; row++) f.storeI32(to, i32.load(at, 4 * row * weights.row), 4 * row);
          to.set(i32.add(to, 4 * width));
          at.set(i32.add(at, 4 * j));
        });
        line.set(i32.add(line, 4 * i));
      });
      from.set(i32.add(from, 4 * weights.channel));
    });
    f.fill(to, 0, 4 * (TILE_STEPS - 1) * width);
  });
}
