import {
  type Expr,
  f32,
  f32x4,
  f64,
  i32,
  keepLanes,
  type KernelBuilder,
  kernelModule,
  type Local,
  sumLanes,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { type Blocks, grainOf, type UnboundCall, withBlock } from "./cpu_blocks.ts";
import { normaliser } from "./cpu_statistics.ts";
import type { Groups } from "./geometry.ts";

/** Accumulators of four lanes for each of the two sums. */
const ACCUMULATORS = 2;
/** Bytes of a pair of sums. */
const PAIR = 8;

/** Of each block of each channel of each sample: the sums of g and of g * n. */
export function planesCall({ batch, channels, groupChannels }: Groups, blocks: Blocks): UnboundCall {
  return {
    key: `groupnorm planes ${JSON.stringify([groupChannels, blocks])}`,
    build: () =>
      kernelModule((f) => {
        const [g, x, statistics, planes] = f.pointers(4);
        f.forRange(f.begin, f.end, 1, (item) => {
          withBlock(f, item, blocks, ({ row, at }, length) => {
            const { normal } = normaliser(f, statistics, i32.div_u(row, groupChannels));
            const [grad, source] = [g, x].map((pointer) => f.localI32("address", i32.add(pointer, at)));
            const target = f.localI32("target", i32.add(planes, i32.mul(item, PAIR)));
            writeSums(f, { grad, source, target }, normal, length);
          });
        });
      }),
    range: batch * channels * blocks.count,
    grain: grainOf(blocks.size),
  };
}

function writeSums(
  f: KernelBuilder,
  { grad, source, target }: Readonly<Record<"grad" | "source" | "target", Expr<"i32">>>,
  normal: (x: Expr<"v128">) => Expr<"v128">,
  length: number,
): void {
  const sums = (name: string) => Array.from({ length: ACCUMULATORS }, (_, k) => f.localV128(`${name}${k}`));
  const [ofG, ofGn] = [sums("ofG"), sums("ofGn")];
  for (const sum of [...ofG, ...ofGn]) sum.set(f.f32x4(0));
  f.forVectors(length, (at, offset, lanes, slot) => {
    const value = f.localV128("g", keepLanes(f, v128.load(i32.add(grad, at), offset), lanes, 0));
    const n = keepLanes(f, normal(v128.load(i32.add(source, at), offset)), lanes, 0);
    ofG[slot].set(f32x4.add(ofG[slot], value));
    ofGn[slot].set(f32x4.add(ofGn[slot], f32x4.mul(value, n)));
  }, ACCUMULATORS);
  f.storeF32(target, sumLanes(f, f32x4.add(ofG[0], ofG[1])), 0);
  f.storeF32(target, sumLanes(f, f32x4.add(ofGn[0], ofGn[1])), 4);
}

/** Adds up pairs of f32 in two f64 locals. */
function pairSum(f: KernelBuilder): {
  readonly clear: () => void;
  readonly add: (pair: Expr<"i32">, factor?: Expr<"f64">) => void;
  readonly sums: readonly Local<"f64">[];
} {
  const sums = [f.localF64("sumG"), f.localF64("sumGn")];
  return {
    sums,
    clear: () => sums.forEach((sum) => sum.set(0)),
    add: (pair, factor) =>
      sums.forEach((sum, i) => {
        const value = f64.promote_f32(f32.load(pair, 4 * i));
        sum.set(f64.add(sum, factor ? f64.mul(value, factor) : value));
      }),
  };
}

/** Of each group: the means of h and of h * n, h = g * weight, in f64 from the sums of its channels. */
export function meansCall({ channels, groupChannels, rows, width }: Groups, { count }: Blocks): UnboundCall {
  return {
    key: `groupnorm means ${JSON.stringify([channels, groupChannels, width, count])}`,
    build: () =>
      kernelModule((f) => {
        const [planes, weight, means] = f.pointers(3);
        const { clear, add, sums } = pairSum(f);
        f.forRange(f.begin, f.end, 1, (row) => {
          clear();
          const first = f.localI32("first", i32.mul(row, groupChannels));
          const pair = f.localI32("pair", i32.add(planes, i32.mul(first, PAIR * count)));
          const factorAt = f.localI32("factorAt", i32.add(weight, i32.shl(i32.rem_u(first, channels), 2)));
          f.forCount(groupChannels, () => {
            const factor = f.localF64("factor", f64.promote_f32(f32.load(factorAt)));
            f.forCount(count, () => {
              add(pair, factor);
              pair.set(i32.add(pair, PAIR));
            });
            factorAt.set(i32.add(factorAt, 4));
          });
          const target = f.localI32("target", i32.add(means, i32.mul(row, PAIR)));
          sums.forEach((sum, i) => f.storeF32(target, f32.demote_f64(f64.div(sum, width)), 4 * i));
        });
      }),
    range: rows,
    grain: grainOf(2 * groupChannels * count),
  };
}

/** Gradients of weight and bias: of each channel, the sums over samples in f64. */
export function channelsCall({ batch, channels }: Groups, { count }: Blocks): UnboundCall {
  return {
    key: `groupnorm channels ${JSON.stringify([batch, channels, count])}`,
    build: () =>
      kernelModule((f) => {
        const [planes, dweight, dbias] = f.pointers(3);
        const { clear, add, sums } = pairSum(f);
        f.forRange(f.begin, f.end, 1, (channel) => {
          clear();
          const pair = f.localI32("pair", i32.add(planes, i32.mul(channel, PAIR * count)));
          f.forCount(batch, () => {
            f.forCount(count, (block) => add(i32.add(pair, i32.mul(block, PAIR))));
            pair.set(i32.add(pair, PAIR * count * channels));
          });
          const at = i32.shl(channel, 2);
          [dbias, dweight].forEach((pointer, i) => f.storeF32(i32.add(pointer, at), f32.demote_f64(sums[i])));
        });
      }),
    range: channels,
    grain: grainOf(2 * batch * count),
  };
}
