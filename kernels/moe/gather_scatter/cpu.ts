import {
  type Expr,
  f32x4,
  i32,
  keepLanes,
  type KernelBuilder,
  kernelModule,
  type Local,
  storePartial,
  sumLanes,
  v128,
} from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../../engine/kernel.ts";
import type { MoveSizes } from "./sizes.ts";

/** Slots whose addresses and weights are held in locals at once. */
const SLOTS_AT_ONCE = 4;

/** Elements worth handing to another worker. */
const GRAIN_ELEMENTS = 32_768;

function grainOf(elements: number): number {
  return Math.max(1, Math.floor(GRAIN_ELEMENTS / elements));
}

function plan(
  key: string,
  build: (f: KernelBuilder) => void,
  bindings: number[],
  range: number,
  each: number,
): CpuPlan {
  return {
    calls: [{ key, build: () => kernelModule(build), bindings, range, grain: grainOf(each) }],
  };
}

/** One item a row: a copy of a token, or zeros. */
export function gatherCpu({ K, D, R }: MoveSizes): CpuPlan {
  const build = (f: KernelBuilder) => {
    const [x, slot, rows] = f.pointers(3);
    eachRow(f, slot, D, rows, (pair, to) => {
      f.copy(to, i32.add(x, i32.mul(i32.div_u(pair, K), 4 * D)), 4 * D);
    });
  };
  return plan(`gather ${K} ${D}`, build, [0, 1, 3], R, D);
}

/** Items are tokens: K rows and K dot products by four accumulators each. Then items are rows: zeros for padding. */
export function combineBackwardCpu({ T, K, D, R }: MoveSizes): CpuPlan {
  const build = (f: KernelBuilder) => {
    const [grad, y, weights, row, slot, rows, dWeights] = f.pointers(7);
    f.forRange(f.begin, f.end, 1, (t) => {
      const token = f.localI32("token", i32.add(grad, i32.mul(t, 4 * D)));
      f.forCount(K, (k) => {
        const pair = f.localI32("pair", i32.add(i32.mul(t, K), k));
        const word = f.localI32("word", i32.shl(pair, 2));
        const r = f.localI32("r", i32.load(i32.add(row, word)));
        const isOwn = i32.eq(i32.load(i32.add(slot, i32.shl(r, 2))), pair);
        f.if(isOwn, () => {
          const line = f.localI32("line", i32.mul(r, 4 * D));
          const weight = f.localV128("weight", v128.load32_splat(i32.add(weights, word)));
          const dot = scaleAndDot(f, D, token, i32.add(y, line), i32.add(rows, line), weight);
          f.storeF32(i32.add(dWeights, word), dot);
        }, () => f.fill(i32.add(dWeights, word), 0, 4));
      });
    });
  };
  const pad = (f: KernelBuilder) => {
    const [slot, rows] = f.pointers(2);
    eachRow(f, slot, D, rows, () => {});
  };
  const tokens = plan(`combine_backward ${K} ${D}`, build, [0, 1, 2, 3, 4, 5, 6], T, K * D);
  return { calls: [...tokens.calls, ...plan(`combine_backward_pad ${D}`, pad, [4, 5], R, D).calls] };
}

/** `to = weight * token`; gives the dot product of `token` and `from`. */
function scaleAndDot(
  f: KernelBuilder,
  D: number,
  token: Local<"i32">,
  from: Expr<"i32">,
  to: Expr<"i32">,
  weight: Local<"v128">,
): Expr<"f32"> {
  const [source, target] = [f.localI32("source", from), f.localI32("target", to)];
  const sums = [0, 1, 2, 3].map((i) => f.localV128(`sum${i}`, f.f32x4(0)));
  f.forVectors(D, (at, offset, lanes, part) => {
    const g = f.localV128("g", v128.load(i32.add(token, at), offset));
    storePartial(f, i32.add(target, at), f32x4.mul(weight, g), lanes, offset);
    const a = keepLanes(f, g, lanes, 0);
    const b = keepLanes(f, v128.load(i32.add(source, at), offset), lanes, 0);
    sums[part].set(f32x4.relaxed_madd(a, b, sums[part]));
  }, 4);
  return sumLanes(f, f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3])));
}

function eachRow(
  f: KernelBuilder,
  slot: Local<"i32">,
  D: number,
  rows: Local<"i32">,
  used: (pair: Local<"i32">, to: Local<"i32">) => void,
): void {
  f.forRange(f.begin, f.end, 1, (r) => {
    const pair = f.localI32("pair", i32.load(i32.add(slot, i32.shl(r, 2))));
    const to = f.localI32("to", i32.add(rows, i32.mul(r, 4 * D)));
    f.if(i32.lt_s(pair, 0), () => f.fill(to, 0, 4 * D), () => used(pair, to));
  });
}

/**
 * One item a token: the weighted (or plain) sum of its rows, in ascending order of the slots.
 *
 * Slots are y, weights, row, slot, base, tokens, or grad, row, base, tokens.
 *
 * @param base whether the sum begins with another tensor
 */
export function combineCpu({ T, K, D }: MoveSizes, weighted: boolean, base: boolean): CpuPlan {
  const inputs = weighted ? [0, 1, 2] : [0, 1];
  const out = (weighted ? 4 : 2) + Number(base);
  const bindings = [...inputs, out, ...(base ? [out - 1] : [])];
  const build = (f: KernelBuilder) => {
    const pointers = f.pointers(bindings.length);
    const [row, tokens, baseAt] = pointers.slice(inputs.length - 1);
    const [y] = pointers;
    f.forRange(f.begin, f.end, 1, (t) => {
      const to = f.localI32("to", i32.add(tokens, i32.mul(t, 4 * D)));
      for (let first = 0; first < K; first += SLOTS_AT_ONCE) {
        const slots = Array.from({ length: Math.min(SLOTS_AT_ONCE, K - first) }, (_, i) => first + i);
        const word = (base: Local<"i32">) => i32.add(base, i32.mul(t, 4 * K));
        const from = slots.map((k) =>
          f.localI32(`from${k}`, i32.add(y, i32.mul(i32.load(word(row), 4 * k), 4 * D)))
        );
        const weights = weighted
          ? slots.map((k) => f.localV128(`weight${k}`, v128.load32_splat(word(pointers[1]), 4 * k)))
          : undefined;
        const own = base ? f.localI32("own", i32.add(baseAt, i32.mul(t, 4 * D))) : undefined;
        addRows(f, { D, to, from, weights, onto: first > 0 ? to : own });
      }
    });
  };
  const name = weighted ? "combine" : "gather_backward";
  return plan(`${name} ${K} ${D} ${base}`, build, bindings, T, K * D);
}

interface Rows {
  readonly D: number;
  readonly to: Local<"i32">;
  readonly from: readonly Local<"i32">[];
  readonly weights?: readonly Local<"v128">[];
  /** Where the sum of what comes before these rows is, if anything does. */
  readonly onto: Local<"i32"> | undefined;
}

function addRows(f: KernelBuilder, { D, to, from, weights, onto }: Rows): void {
  f.forVectors(D, (at, offset, lanes) => {
    const sum = f.localV128("sum", onto ? v128.load(i32.add(onto, at), offset) : f.f32x4(0));
    from.forEach((row, i) => {
      const value = v128.load(i32.add(row, at), offset);
      sum.set(weights ? f32x4.relaxed_madd(weights[i], value, sum) : f32x4.add(sum, value));
    });
    storePartial(f, i32.add(to, at), sum, lanes, offset);
  }, 2);
}
