import { f32 as f32Spec } from "../../engine/core/spec.ts";
import {
  f32,
  f64,
  f64x2,
  i32,
  i32x4,
  keepLanes,
  type KernelBuilder,
  kernelModule,
  type Local,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../engine/kernel.ts";

/** Elements of a work item; each gives one partial sum in f64. */
const CHUNK = 8192;

/** A call for each tensor into partial sums of its own, and one that adds them all. */
export function globalNormCpu(sizes: readonly number[]): CpuPlan {
  const norm = sizes.length;
  const chunks = sizes.map((size) => Math.ceil(size / CHUNK));
  const tensors = sizes.map((size, i): CpuCall => ({
    key: `sum_squares ${size}`,
    build: () => kernelModule((f) => sumSquares(f, size)),
    bindings: [i, norm + 1 + i],
    range: chunks[i],
    grain: 2,
  }));
  const finish: CpuCall = {
    key: `global_norm ${chunks.join()}`,
    build: () => kernelModule((f) => addAll(f, chunks)),
    bindings: [norm, ...chunks.map((_, i) => norm + 1 + i)],
    range: 1,
    grain: 1,
  };
  // A partial sum is an f64: two words.
  return { calls: [...tensors, finish], scratch: chunks.map((count) => ({ spec: f32Spec(2 * count) })) };
}

/** Item: the sum of the squares of up to 8,192 elements, in four pairs of f64. */
function sumSquares(f: KernelBuilder, size: number): void {
  const [x, partial] = f.pointers(2);
  const chunks = Math.ceil(size / CHUNK);
  f.forRange(f.begin, f.end, 1, (chunk) => {
    const from = f.localI32("from", i32.add(x, i32.mul(chunk, 4 * CHUNK)));
    const sums = [0, 1, 2, 3].map((i) => f.localV128(`sum${i}`, f.f32x4(0)));
    const add = (count: number) => addSquares(f, from, count, sums);
    const last = size - (chunks - 1) * CHUNK;
    if (chunks === 1) add(size);
    else f.if(i32.eq(chunk, chunks - 1), () => add(last), () => add(CHUNK));
    const all = f.localV128("all", f64x2.add(f64x2.add(sums[0], sums[1]), f64x2.add(sums[2], sums[3])));
    const sum = f64.add(f64x2.extract_lane(all, 0), f64x2.extract_lane(all, 1));
    f.storeF64(i32.add(partial, i32.shl(chunk, 3)), sum);
  });
}

function addSquares(
  f: KernelBuilder,
  from: Local<"i32">,
  count: number,
  sums: readonly Local<"v128">[],
): void {
  f.forVectors(count, (at, offset, lanes, slot) => {
    const x = f.localV128("x", keepLanes(f, v128.load(i32.add(from, at), offset), lanes, 0));
    const low = f.localV128("low", f64x2.promote_low_f32x4(x));
    const high = f.localV128("high", f64x2.promote_low_f32x4(i32x4.shuffle(x, x, [2, 3, 2, 3])));
    const [even, odd] = [sums[2 * slot], sums[2 * slot + 1]];
    even.set(f64x2.relaxed_madd(low, low, even));
    odd.set(f64x2.relaxed_madd(high, high, odd));
  }, 2);
}

function addAll(f: KernelBuilder, chunks: readonly number[]): void {
  const [norm, ...partials] = f.pointers(1 + chunks.length);
  const sum = f.localF64("sum", 0);
  partials.forEach((partial, i) => {
    f.forRange(0, 8 * chunks[i], 8, (at) => sum.set(f64.add(sum, f64.load(i32.add(partial, at)))));
  });
  f.storeF32(norm, f32.demote_f64(f64.sqrt(sum)));
}

/** One item. */
export function clipGateCpu(maxNorm: number | null): CpuPlan {
  return {
    calls: [{
      key: `clip_gate ${maxNorm}`,
      build: () => kernelModule((f) => decide(f, maxNorm)),
      bindings: [0, 1, 2, 3],
      range: 1,
      grain: 1,
    }],
  };
}

function decide(f: KernelBuilder, maxNorm: number | null): void {
  const [norm, loss, halted, gate] = f.pointers(4);
  const finite = (from: Local<"i32">) => f32.lt(f32.abs(f32.load(from)), Infinity);
  f.if(i32.eqz(i32.and(finite(norm), finite(loss))), () => f.storeI32(halted, 1));
  const factor = maxNorm === null
    ? f32.const(1)
    : f32.min(1, f32.div(maxNorm, f32.add(f32.load(norm), 1e-6)));
  f.storeF32(gate, f32.select(i32.load(halted), -1, factor));
}
