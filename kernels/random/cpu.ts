import { sizeOf } from "../../engine/core/shape.ts";
import { i32 as i32Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  type KernelBuilder,
  kernelModule,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import type { RandomAttrs } from "./kernel.ts";
import { storeWords } from "./philox_wasm.ts";

/** Elements of a work item: four blocks of Philox, one in each lane of a vector. */
const ITEM = 16;

/** Items worth handing to another worker. */
const GRAIN = 256;

/** Turns the random words at `address` into floats, in place. */
type Convert = (f: FunctionBuilder, address: Expr<"i32">, table: Expr<"i32">) => void;

/** Uniform numbers. */
export function uniformCpu(attrs: RandomAttrs): CpuPlan {
  return randomCpu("random_uniform", [0, 1, 2], attrs, convertUniform);
}

/** Normal numbers. */
export function normalCpu(attrs: RandomAttrs): CpuPlan {
  return randomCpu("random_normal", [0, 2, 3, 1], attrs, convertNormal);
}

/** Bindings: rng, output, scratch, then the table where there is one. */
function randomCpu(
  name: string,
  bindings: readonly number[],
  { shape, stream }: RandomAttrs,
  convert: Convert,
): CpuPlan {
  const size = sizeOf(shape);
  return {
    calls: [{
      key: `${name} ${size} ${stream}`,
      build: () => kernelModule((f) => randomItems(f, bindings.length, size, stream, convert)),
      bindings,
      range: Math.ceil(size / ITEM),
      grain: GRAIN,
    }],
    scratch: [{ spec: i32Spec(ITEM), perLane: true }],
  };
}

/** The last item may be shorter than the words it makes: it makes them in scratch memory, and copies. */
function randomItems(f: KernelBuilder, slots: number, size: number, stream: number, convert: Convert): void {
  const [rng, out, scratch, table = i32.const(0)] = f.pointers(slots);
  const make = f.procedure("make", ["i32", "i32", "i32", "i32"], (g, item, rngAt, to, tableAt) => {
    storeWords(g, rngAt, item, stream, to);
    convert(g, to, tableAt);
  });
  const whole = Math.floor(size / ITEM);
  const rest = size % ITEM;
  const own = f.localI32("own", i32.add(scratch, i32.mul(f.lane, 4 * ITEM)));
  f.forRange(f.begin, f.end, 1, (item) => {
    const to = f.localI32("to", i32.add(out, i32.mul(item, 4 * ITEM)));
    const last = i32.eq(item, rest > 0 ? whole : -1);
    f.call(make, item, rng, i32.select(last, own, to), table);
    if (rest > 0) f.if(last, () => f.copy(to, own, 4 * rest));
  });
}

function convertUniform(f: FunctionBuilder, address: Expr<"i32">): void {
  f.forVectors(ITEM, (at, offset) => {
    const place = f.localI32("place", i32.add(address, at));
    const top = i32x4.shr_u(v128.load(place, offset), 8);
    f.storeV128(place, f32x4.mul(f32x4.convert_i32x4_s(top), f.f32x4(2 ** -24)), offset);
  });
}

/** `normalFromBits()` of engine/core/normal.ts, line by line. */
function convertNormal(f: FunctionBuilder, address: Expr<"i32">, table: Expr<"i32">): void {
  const bits = f.localI32("bits");
  const tail = f.localI32("tail");
  const octave = f.localI32("octave");
  const normalized = f.localI32("normalized");
  const segment = f.localI32("segment");
  const start = f.localI32("start");
  const z = f.localI32("z");
  f.forAddress(address, i32.add(address, 4 * ITEM), 4, (place) => {
    bits.set(i32.load(place));
    tail.set(i32.or(i32.shl(bits, 1), 1));
    octave.set(i32.clz(tail));
    normalized.set(i32.shl(tail, octave));
    segment.set(i32.or(i32.shl(i32.sub(31, octave), 8), i32.and(i32.shr_u(normalized, 23), 255)));
    segment.set(i32.add(table, i32.shl(segment, 2)));
    start.set(i32.load(segment));
    const step = i32.sub(i32.load(segment, 4), start);
    const fraction = i32.and(i32.shr_u(normalized, 7), 65535);
    z.set(i32.add(start, i32.shr_s(i32.mul(step, fraction), 16)));
    z.set(i32.select(i32.lt_s(bits, 0), i32.sub(0, z), z));
    f.storeF32(place, f32.mul(f32.convert_i32_s(z), 2 ** -20));
  });
}
