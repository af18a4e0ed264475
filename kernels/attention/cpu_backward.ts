import { f32 as f32Spec, type Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f64,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  type Procedure,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../engine/kernel.ts";
import { type BlockAddresses, defineBackwardBlock } from "./cpu_backward_block.ts";
import { backwardScratch } from "./cpu_backward_scratch.ts";
import { grainOf, keyOf } from "./cpu.ts";
import { forQueryHeads, keyHeadOf } from "./cpu_heads.ts";
import { BLOCK, definePack, paddedSizes, rotateToken } from "./cpu_pack.ts";
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";

/** One work item a key head with its group of query heads: the sums for its dK and dV stay in one lane's scratch. */
export function attentionBackwardCpu(inputs: readonly Spec[], attrs: AttentionAttrs): CpuPlan {
  const g = geometryOf(inputs, attrs);
  const hasLseGrad = inputs.length > g.inputs + 3;
  const slot = (input: number) => input < 0 ? g.q : input;
  const [out, lse, grad] = [g.inputs, g.inputs + 1, g.inputs + 2];
  const first = inputs.length;
  const gradients = attrs.packed ? [first, first, first] : [first, first + 1, first + 2];
  const sinks = gradients[2] + 1;
  const scratch = sinks + Number(attrs.sinks);
  const partials = scratch + 1;
  const operands = [g.q, g.k, g.v, slot(g.table), slot(g.sinks), out, lse, grad];
  const main: CpuCall = {
    key: `${keyOf("attention_backward", g, attrs)} ${hasLseGrad}`,
    build: () => backwardModule(g, attrs, hasLseGrad),
    bindings: [
      ...operands,
      hasLseGrad ? grad + 1 : lse,
      ...gradients,
      scratch,
      attrs.sinks ? partials : scratch,
    ],
    range: g.batch * g.kvHeads,
    grain: grainOf(g, 5),
  };
  const lanes = { spec: f32Spec(backwardScratch(g).bytes / 4), perLane: true };
  if (!attrs.sinks) return { calls: [main], scratch: [lanes] };
  return {
    calls: [main, sinksCall(g, [partials, sinks])],
    scratch: [lanes, { spec: f32Spec(g.batch, g.heads) }],
  };
}

function sinksCall(g: Geometry, bindings: readonly number[]): CpuCall {
  return {
    key: `attention_backward_sinks ${g.batch} ${g.heads}`,
    build: () => sinksModule(g),
    bindings,
    range: g.heads,
    grain: Math.ceil(4096 / g.batch),
  };
}

/** Adds up what the batch entries give to each head's sink. */
function sinksModule({ batch, heads }: Geometry): Uint8Array<ArrayBuffer> {
  return kernelModule((f) => {
    const [partials, gradient] = f.pointers(2);
    const sum = f.localF64("sum");
    f.forRange(f.begin, f.end, 1, (head) => {
      const from = f.localI32("from", i32.add(partials, i32.mul(head, 4)));
      sum.set(0);
      f.forCount(batch, () => {
        sum.set(f64.add(sum, f64.promote_f32(f32.load(from))));
        from.set(i32.add(from, 4 * heads));
      });
      f.storeF32(i32.add(gradient, i32.mul(head, 4)), f32.demote_f64(sum));
    });
  });
}

function backwardModule(g: Geometry, attrs: AttentionAttrs, hasLseGrad: boolean): Uint8Array<ArrayBuffer> {
  const { at, bytes } = backwardScratch(g);
  const rotated = attrs.block > 0;
  return kernelModule((f) => {
    const [q, k, v, table, sinks, out, lse, grad, lseGrad, dq, dk, dv, scratch, partials] = f.pointers(14);
    const base = f.localI32("base", i32.add(scratch, i32.mul(f.lane, bytes)));
    const packKeys = definePack(f, "pack_keys", g, attrs, { byToken: true, byChannel: true, rotated });
    const valueLayout = { byToken: true, byChannel: false, rotated: false };
    const packValues = definePack(f, "pack_values", g, attrs, valueLayout);
    const block = defineBackwardBlock(f, g, attrs, hasLseGrad);
    const storeKeys = defineStore(f, "store_keys", g, attrs.block);
    const storeValues = defineStore(f, "store_values", g, 0);
    // The rows behind the last token are never written: they must hold numbers, since 0 times NaN is NaN.
    f.fill(base, 0, at.queries);
    f.forRange(f.begin, f.end, 1, (item) => {
      const keyHead = keyHeadOf(f, g, item);
      const [row, keys, rows] = [at.row, at.keys, at.keyRows].map((offset) => i32.add(base, offset));
      f.call(packKeys, i32.add(k, keyHead.k), table, keys, rows, row);
      f.call(packValues, i32.add(v, keyHead.v), table, i32.add(base, at.values), 0, row);
      f.fill(i32.add(base, at.keyGrads), 0, at.queries - at.keyGrads);
      forQueryHeads(f, g, keyHead, (own) => {
        const addresses: BlockAddresses = {
          ...{ base, q: i32.add(q, own.q), table, out: i32.add(out, own.out) },
          ...{ grad: i32.add(grad, own.out), lse: i32.add(lse, own.stats) },
          ...{ lseGrad: i32.add(lseGrad, own.stats), dq: i32.add(dq, own.q) },
        };
        const sink = f.localF32("sink", attrs.sinks ? f32.load(i32.add(sinks, i32.mul(own.head, 4))) : 0);
        const sum = sumBlocks(f, g, (n) => block(addresses, n, sink));
        if (attrs.sinks) f.storeF32(i32.add(partials, i32.mul(own.row, 4)), f32.demote_f64(sum));
      });
      f.call(storeKeys, i32.add(base, at.keyGrads), i32.add(dk, keyHead.k), table);
      f.call(storeValues, i32.add(base, at.valueGrads), i32.add(dv, keyHead.v), table);
    });
  });
}

/** Runs every block of a head and adds up what they give to the sink's gradient. */
function sumBlocks(
  f: FunctionBuilder,
  { tokens }: Geometry,
  block: (first: Local<"i32">) => Expr<"f64">,
): Local<"f64"> {
  const sum = f.localF64("sum", 0);
  f.forRange(0, tokens, BLOCK, (n) => sum.set(f64.add(sum, block(n))));
  return sum;
}

/** Defines the way of a head's finished gradient from scratch to its tensor, turned back: sums, target, table. */
function defineStore(
  kernel: KernelBuilder,
  name: string,
  g: Geometry,
  block: number,
): Procedure<readonly ["i32", "i32", "i32"]> {
  return kernel.procedure(name, ["i32", "i32", "i32"], (f, from, to, table) => {
    f.forCount(g.tokens, (n: Local<"i32">) => {
      if (block > 0) rotateToken(f, { from, to, table, n }, g, block, true);
      else f.copy(to, from, 4 * g.headDim);
      from.set(i32.add(from, paddedSizes(g).channelRow));
      to.set(i32.add(to, 4 * g.kvStride));
    });
  });
}
