import { f32 as f32Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  f64,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../engine/kernel.ts";
import { type AdamwAttrs, type AdamwSizes, COEFFICIENTS, HALTED, IDLE } from "./attrs.ts";

/** Elements of a work item: a few microseconds. */
const CHUNK = 4096;
/** Elements worth handing to another worker. */
const GRAIN_ELEMENTS = 32_768;

type Vector = Expr<"v128">;
type Address = Local<"i32">;

/** Two calls: the groups' counters and coefficients, then chunks of elements. */
export function adamwCpu(sizes: AdamwSizes, attrs: AdamwAttrs, withEma: boolean): CpuPlan {
  const { groups, each } = sizes;
  const { beta1, beta2, eps, weightDecay, emaDecay } = attrs;
  const [PARAM, M, V, STEPS, CORRECTION, GRAD, HYPER, GATE, ACTIVE, EMA] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const coefficients = withEma ? 10 : 9;
  const advance: CpuCall = {
    key: `adamw_advance ${groups} ${beta1} ${beta2} ${weightDecay}`,
    build: () => kernelModule((f) => advanceGroups(f, groups, attrs)),
    bindings: [STEPS, CORRECTION, HYPER, GATE, ACTIVE, coefficients],
    range: 1,
    grain: 1,
  };
  const update: CpuCall = {
    key: `adamw ${each} ${beta1} ${beta2} ${eps} ${withEma ? emaDecay : "none"}`,
    build: () => kernelModule((f) => updateChunks(f, each, attrs, withEma)),
    bindings: [PARAM, M, V, GRAD, coefficients, ...(withEma ? [EMA] : [])],
    range: groups * Math.ceil(each / CHUNK),
    grain: Math.max(1, Math.floor(GRAIN_ELEMENTS / Math.min(each, CHUNK))),
  };
  return { calls: [advance, update], scratch: [{ spec: f32Spec(groups, COEFFICIENTS) }] };
}

/** `1 - beta^t` by repeated squaring in f64, whose 53 bits survive the subtraction. */
function oneMinusPower(f: KernelBuilder, beta: number, t: Address): Local<"f32"> {
  const power = f.localF64("power", 1), square = f.localF64("square", beta), bits = f.localI32("bits", t);
  f.while(bits, () => {
    f.if(i32.and(bits, 1), () => power.set(f64.mul(power, square)));
    square.set(f64.mul(square, square));
    bits.set(i32.shr_u(bits, 1));
  });
  return f.localF32("rest", f32.demote_f64(f64.sub(1, power)));
}

function advanceGroups(f: KernelBuilder, groups: number, { beta1, beta2, weightDecay }: AdamwAttrs): void {
  const [steps, correction, hyper, gate, active, coefficients] = f.pointers(6);
  const rate = f.localF32("rate", f32.load(hyper)), factor = f.localF32("factor", f32.load(gate));
  f.forCount(groups, (g) => {
    const at = f.localI32("at", i32.shl(g, 2));
    const to = f.localI32("to", i32.add(coefficients, i32.shl(g, 4)));
    const isHalted = f.localI32("isHalted", f32.lt(factor, 0));
    const isIdle = i32.eqz(i32.load(i32.add(active, at)));
    f.if(i32.or(isHalted, isIdle), () => {
      f.storeF32(to, f32.select(isHalted, HALTED, IDLE), 12);
    }, () => {
      const t = f.localI32("t", i32.add(i32.load(i32.add(steps, at)), 1));
      f.storeI32(i32.add(steps, at), t);
      const c1 = oneMinusPower(f, beta1, t), c2 = oneMinusPower(f, beta2, t);
      const pair = f.localI32("pair", i32.add(correction, i32.shl(g, 3)));
      f.storeF32(pair, c1);
      f.storeF32(pair, c2, 4);
      f.storeF32(to, f32.mul(rate, weightDecay));
      f.storeF32(to, f32.div(rate, c1), 4);
      f.storeF32(to, f32.div(1, f32.sqrt(c2)), 8);
      f.storeF32(to, factor, 12);
    });
  });
}

/** Item = group * chunks + chunk: up to 4,096 elements of one group. */
function updateChunks(f: KernelBuilder, each: number, attrs: AdamwAttrs, withEma: boolean): void {
  const chunks = Math.ceil(each / CHUNK);
  const pointers = f.pointers(withEma ? 6 : 5);
  f.forRange(f.begin, f.end, 1, (item) => {
    const group = f.localI32("group", i32.div_u(item, chunks));
    const chunk = f.localI32("chunk", i32.rem_u(item, chunks));
    const row = f.localI32("row", i32.add(pointers[4], i32.shl(group, 4)));
    const start = i32.add(i32.mul(group, each), i32.mul(chunk, CHUNK));
    const byte = f.localI32("byte", i32.shl(start, 2));
    const vectors: Step = {
      f,
      attrs,
      decay: f.localV128("decay", v128.load32_splat(row)),
      rate: f.localV128("rate", v128.load32_splat(row, 4)),
      scale: f.localV128("scale", v128.load32_splat(row, 8)),
      factor: f.localV128("factor", v128.load32_splat(row, 12)),
      at: [0, 1, 2, 3, 5].map((i) =>
        i < pointers.length ? f.localI32("from", i32.add(pointers[i], byte)) : byte
      ),
      withEma,
    };
    const mode = f.localF32("mode", f32.load(row, 12));
    const run = (active: boolean) =>
      eachVector(f, each, chunks, chunk, (at, offset, lanes) => {
        stepVector(vectors, at, offset, lanes, active);
      });
    f.if(f32.ge(mode, 0), () => run(true), () => {
      if (withEma) f.if(f32.eq(mode, IDLE), () => run(false));
    });
  });
}

/** The vectors of a chunk; the last chunk of a group may be shorter. */
function eachVector(
  f: KernelBuilder,
  each: number,
  chunks: number,
  chunk: Address,
  body: (at: Expr<"i32">, offset: number, lanes: number) => void,
): void {
  const last = each - (chunks - 1) * CHUNK;
  if (chunks === 1 || last === CHUNK) return f.forVectors(Math.min(each, CHUNK), body);
  f.if(
    i32.eq(chunk, chunks - 1),
    () => f.forVectors(last, body),
    () => f.forVectors(CHUNK, body),
  );
}

interface Step {
  readonly f: KernelBuilder;
  readonly attrs: AdamwAttrs;
  readonly decay: Vector;
  readonly rate: Vector;
  readonly scale: Vector;
  readonly factor: Vector;
  /** Where the chunk starts in param, m, v, grad, ema. */
  readonly at: readonly Address[];
  readonly withEma: boolean;
}

/** Four elements: param, moments and average, or the average alone. */
function stepVector(step: Step, at: Expr<"i32">, offset: number, lanes: number, active: boolean): void {
  const { f, attrs, decay, rate, scale, factor, withEma } = step;
  const [param, m, v, grad, ema] = step.at.map((from) => i32.add(from, at));
  const p = f.localV128("p", v128.load(param, offset));
  if (active) {
    const g = f.localV128("g", f32x4.mul(factor, v128.load(grad, offset)));
    const first = moveTowards(f, "first", v128.load(m, offset), g, 1 - attrs.beta1);
    const second = moveTowards(f, "second", v128.load(v, offset), f32x4.mul(g, g), 1 - attrs.beta2);
    storePartial(f, m, first, lanes, offset);
    storePartial(f, v, second, lanes, offset);
    const divisor = f32x4.relaxed_madd(f32x4.sqrt(second), scale, f.f32x4(attrs.eps));
    const change = f32x4.div(f32x4.mul(rate, first), divisor);
    p.set(f32x4.sub(p, f32x4.relaxed_madd(decay, p, change)));
    storePartial(f, param, p, lanes, offset);
  }
  if (!withEma) return;
  const average = moveTowards(f, "average", v128.load(ema, offset), p, 1 - attrs.emaDecay!);
  storePartial(f, ema, average, lanes, offset);
}

/** `from + rest * (to - from)`. */
function moveTowards(f: KernelBuilder, name: string, from: Vector, to: Vector, rest: number): Local<"v128"> {
  const old = f.localV128("old", from);
  return f.localV128(name, f32x4.relaxed_madd(f.f32x4(rest), f32x4.sub(to, old), old));
}

/** Item: up to 4,096 elements. */
export function emaCpu(size: number, decay: number): CpuPlan {
  const chunks = Math.ceil(size / CHUNK);
  const build = (f: KernelBuilder) => {
    const [ema, value, gate] = f.pointers(3);
    f.if(f32.lt(f32.load(gate), 0), () => f.return());
    f.forRange(f.begin, f.end, 1, (chunk) => {
      const byte = i32.mul(chunk, 4 * CHUNK);
      const to = f.localI32("to", i32.add(ema, byte)), from = f.localI32("from", i32.add(value, byte));
      eachVector(f, size, chunks, chunk, (at, offset, lanes) => {
        const x = f.localV128("x", v128.load(i32.add(from, at), offset));
        const average = moveTowards(f, "average", v128.load(i32.add(to, at), offset), x, 1 - decay);
        storePartial(f, i32.add(to, at), average, lanes, offset);
      });
    });
  };
  return {
    calls: [{
      key: `ema_update ${size} ${decay}`,
      build: () => kernelModule(build),
      bindings: [0, 1, 2],
      range: chunks,
      grain: GRAIN_ELEMENTS / CHUNK,
    }],
  };
}
