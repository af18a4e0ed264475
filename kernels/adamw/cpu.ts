import {
  type Expr,
  f32,
  f32x4,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { type AdamwAttrs, type AdamwSizes, IDLE } from "./attrs.ts";

/** Elements of a work item: a few microseconds. */
const CHUNK = 4096;
/** Elements worth handing to another worker. */
const GRAIN_ELEMENTS = 32_768;

type Vector = Expr<"v128">;
type Address = Local<"i32">;

/** Chunks of elements: lines that are short together, lines that are long in parts. */
export function adamwCpu({ size, line }: AdamwSizes, attrs: AdamwAttrs, withEma: boolean): CpuPlan {
  const { beta1, beta2, eps, emaDecay } = attrs;
  const lines = size / line;
  const together = Math.max(1, Math.floor(CHUNK / line));
  const chunks = Math.ceil(line / CHUNK);
  return {
    calls: [{
      key: `adamw ${size} ${line} ${beta1} ${beta2} ${eps} ${withEma ? emaDecay : "none"}`,
      build: () => kernelModule((f) => updateItems(f, { lines, line, together }, attrs, withEma)),
      bindings: [0, 1, 2, 3, 4, 5, ...(withEma ? [6] : [])],
      range: Math.ceil(lines / together) * chunks,
      grain: Math.max(1, Math.floor(GRAIN_ELEMENTS / Math.min(together * line, CHUNK))),
    }],
  };
}

interface Items {
  readonly lines: number;
  readonly line: number;
  /** Lines of a work item. */
  readonly together: number;
}

/** Item = some lines, or line * chunks + chunk. */
function updateItems(
  f: KernelBuilder,
  { lines, line, together }: Items,
  attrs: AdamwAttrs,
  withEma: boolean,
): void {
  const chunks = Math.ceil(line / CHUNK);
  const pointers = f.pointers(withEma ? 7 : 6);
  f.forRange(f.begin, f.end, 1, (item) => {
    if (chunks > 1) {
      const own = f.localI32("line", i32.div_u(item, chunks));
      const chunk = f.localI32("chunk", i32.rem_u(item, chunks));
      return updateLine(f, { pointers, own, chunk, line }, attrs, withEma);
    }
    const first = f.localI32("first", i32.mul(item, together));
    const next = f.localI32("next", i32.add(first, together));
    const end = f.localI32("end", i32.select(i32.lt_u(next, lines), next, lines));
    const zero = f.localI32("zero", 0);
    f.forRange(first, end, 1, (own) => updateLine(f, { pointers, own, chunk: zero, line }, attrs, withEma));
  });
}

interface Line {
  readonly pointers: readonly Address[];
  /** Number of the line. */
  readonly own: Address;
  /** Its part that is up to 4,096 elements long. */
  readonly chunk: Address;
  readonly line: number;
}

function updateLine(
  f: KernelBuilder,
  { pointers, own, chunk, line }: Line,
  attrs: AdamwAttrs,
  withEma: boolean,
): void {
  const chunks = Math.ceil(line / CHUNK);
  const slot = i32.load(i32.add(pointers[5], i32.shl(own, 2)));
  const row = f.localI32("row", i32.add(pointers[4], i32.shl(slot, 4)));
  const byte = f.localI32("byte", i32.shl(i32.add(i32.mul(own, line), i32.mul(chunk, CHUNK)), 2));
  const vectors: Step = {
    f,
    attrs,
    decay: f.localV128("decay", v128.load32_splat(row)),
    rate: f.localV128("rate", v128.load32_splat(row, 4)),
    scale: f.localV128("scale", v128.load32_splat(row, 8)),
    factor: f.localV128("factor", v128.load32_splat(row, 12)),
    at: [0, 1, 2, 3, ...(withEma ? [6] : [])].map((i) => f.localI32("from", i32.add(pointers[i], byte))),
    withEma,
  };
  const mode = f.localF32("mode", f32.load(row, 12));
  const run = (active: boolean) =>
    eachVector(f, line, chunks, chunk, (at, offset, lanes) => {
      stepVector(vectors, at, offset, lanes, active);
    });
  f.if(f32.ge(mode, 0), () => run(true), () => {
    if (withEma) f.if(f32.eq(mode, IDLE), () => run(false));
  });
}

/** The vectors of a chunk; the last chunk of a line may be shorter. */
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
