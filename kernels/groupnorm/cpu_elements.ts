import {
  f32x4,
  i32,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { Expr, FunctionBuilder } from "../../engine/device/cpu/wasm/mod.ts";
import { type Blocks, blocksOf, grainOf, type UnboundCall, withBlock } from "./cpu_blocks.ts";
import { normaliser } from "./cpu_statistics.ts";
import type { Groups } from "./geometry.ts";

/** Elements of a work item, unless channels are shorter. */
const BLOCK = 16_384;

/** Four equal lanes of number `index` of a vector. */
function splatOf(f: FunctionBuilder, pointer: Expr<"i32">, index: Expr<"i32">): Local<"v128"> {
  return f.localV128("splat", v128.load32_splat(i32.add(pointer, i32.shl(index, 2))));
}

function elementsCall(
  key: string,
  { batch, channels, groupChannels, pixels }: Groups,
  write: (blocks: Blocks) => Uint8Array<ArrayBuffer>,
): UnboundCall {
  const blocks = blocksOf(pixels, BLOCK);
  return {
    key: `${key} ${JSON.stringify([channels, groupChannels, blocks])}`,
    build: () => write(blocks),
    range: batch * channels * blocks.count,
    grain: grainOf(blocks.size),
  };
}

/** `normal * weight + bias`; a work item is a block of one channel of one sample. */
export function forwardCall(geometry: Groups): UnboundCall {
  const { channels, groupChannels } = geometry;
  return elementsCall("groupnorm elements", geometry, (blocks) =>
    kernelModule((f) => {
      const [x, weights, biases, statistics, y] = f.pointers(5);
      f.forRange(f.begin, f.end, 1, (item) => {
        withBlock(f, item, blocks, ({ row, at: byte }, length) => {
          const { normal } = normaliser(f, statistics, i32.div_u(row, groupChannels));
          const channel = f.localI32("channel", i32.rem_u(row, channels));
          const [weight, bias] = [weights, biases].map((pointer) => splatOf(f, pointer, channel));
          const [source, target] = [x, y].map((pointer) => f.localI32("address", i32.add(pointer, byte)));
          f.forVectors(length, (at, offset, lanes) => {
            const n = normal(v128.load(i32.add(source, at), offset));
            storePartial(f, i32.add(target, at), f32x4.relaxed_madd(n, weight, bias), lanes, offset);
          }, 2);
        });
      });
    }));
}

/** `scale * (g * weight - mean(h) - normal * mean(h * normal))`; a work item is a block of one channel. */
export function backwardCall(geometry: Groups): UnboundCall {
  const { channels, groupChannels } = geometry;
  return elementsCall("groupnorm backward", geometry, (blocks) =>
    kernelModule((f) => {
      const [g, x, weights, statistics, means, dx] = f.pointers(6);
      f.forRange(f.begin, f.end, 1, (item) => {
        withBlock(f, item, blocks, ({ row, at: byte }, length) => {
          const group = f.localI32("group", i32.div_u(row, groupChannels));
          const { scale, normal } = normaliser(f, statistics, group);
          const weight = splatOf(f, weights, i32.rem_u(row, channels));
          const [meanH, meanHn] = [0, 1].map((i) => splatOf(f, means, i32.add(i32.shl(group, 1), i)));
          const [grad, source, target] = [g, x, dx].map((pointer) =>
            f.localI32("address", i32.add(pointer, byte))
          );
          f.forVectors(length, (at, offset, lanes) => {
            const h = f32x4.mul(v128.load(i32.add(grad, at), offset), weight);
            const n = normal(v128.load(i32.add(source, at), offset));
            const value = f32x4.sub(f32x4.sub(h, meanH), f32x4.mul(n, meanHn));
            storePartial(f, i32.add(target, at), f32x4.mul(value, scale), lanes, offset);
          });
        });
      });
    }));
}
