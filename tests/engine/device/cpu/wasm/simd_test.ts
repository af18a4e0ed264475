import { assertEquals, assertThrows } from "@std/assert";
import { f32x4, f64x2, i32x4, i64x2, i8x16, v128 } from "../../../../../engine/device/cpu/wasm/mod.ts";
import { runKernel } from "./harness.ts";

const A = [1.5, -2.5, 1e10, -0.4];
const B = [0.5, -2.5, -3, 7];

const round = (x: number) => {
  // Adding 2^52 leaves no bits for the fraction, so the sum is rounded to even.
  const size = Math.abs(x) < 2 ** 52 ? Math.abs(x) + 2 ** 52 - 2 ** 52 : Math.abs(x);
  return x < 0 ? -size : size;
};
const mask = (x: boolean) => x ? -1 : 0;
const F32_BINARY: [keyof typeof f32x4, (a: number, b: number) => number][] = [
  ["add", (a, b) => a + b],
  ["sub", (a, b) => a - b],
  ["mul", (a, b) => a * b],
  ["div", (a, b) => a / b],
  ["min", Math.min],
  ["max", Math.max],
  ["pmin", (a, b) => b < a ? b : a],
  ["pmax", (a, b) => a < b ? b : a],
];
const F32_COMPARE: [keyof typeof f32x4, (a: number, b: number) => boolean][] = [
  ["eq", (a, b) => a === b],
  ["ne", (a, b) => a !== b],
  ["lt", (a, b) => a < b],
  ["gt", (a, b) => a > b],
  ["le", (a, b) => a <= b],
  ["ge", (a, b) => a >= b],
];
const F32_UNARY: [keyof typeof f32x4, (a: number) => number][] = [
  ["abs", Math.abs],
  ["neg", (a) => -a],
  ["sqrt", Math.sqrt],
  ["ceil", Math.ceil],
  ["floor", Math.floor],
  ["trunc", Math.trunc],
  ["nearest", round],
];

Deno.test("`f32x4` operations work lane by lane as Math does", () => {
  const out = new Float32Array(4 * (F32_BINARY.length + F32_UNARY.length)),
    masks = new Int32Array(4 * F32_COMPARE.length);
  runKernel((f) => {
    const [y, z, p] = f.pointers(3);
    const a = f.localV128("a", v128.load(p)), b = f.localV128("b", v128.load(p, 16));
    F32_BINARY.forEach(([name], i) => f.storeV128(y, (f32x4[name] as typeof f32x4.add)(a, b), 16 * i));
    F32_UNARY.forEach(([name], i) =>
      f.storeV128(y, (f32x4[name] as typeof f32x4.abs)(a), 16 * (F32_BINARY.length + i))
    );
    F32_COMPARE.forEach(([name], i) => f.storeV128(z, (f32x4[name] as typeof f32x4.eq)(a, b), 16 * i));
  }, [out, masks, new Float32Array([...A, ...B])]);
  const a = [...new Float32Array(A)], b = [...new Float32Array(B)];
  const wanted = [
    ...F32_BINARY.flatMap(([, fn]) => a.map((x, i) => fn(x, b[i]))),
    ...F32_UNARY.flatMap(([, fn]) => a.map((x) => fn(x))),
  ];
  assertEquals([...out], [...new Float32Array(wanted)]);
  assertEquals([...masks], F32_COMPARE.flatMap(([, fn]) => a.map((x, i) => mask(fn(x, b[i])))));
});

const u = (x: number) => x >>> 0;
const I32_BINARY: [keyof typeof i32x4, (a: number, b: number) => number][] = [
  ["add", (a, b) => a + b],
  ["sub", (a, b) => a - b],
  ["mul", Math.imul],
  ["min_s", Math.min],
  ["max_s", Math.max],
  ["min_u", (a, b) => Math.min(u(a), u(b))],
  ["max_u", (a, b) => Math.max(u(a), u(b))],
  ["eq", (a, b) => -(a === b)],
  ["ne", (a, b) => -(a !== b)],
  ["lt_s", (a, b) => -(a < b)],
  ["lt_u", (a, b) => -(u(a) < u(b))],
  ["gt_s", (a, b) => -(a > b)],
  ["gt_u", (a, b) => -(u(a) > u(b))],
  ["le_s", (a, b) => -(a <= b)],
  ["le_u", (a, b) => -(u(a) <= u(b))],
  ["ge_s", (a, b) => -(a >= b)],
  ["ge_u", (a, b) => -(u(a) >= u(b))],
];
const I32_SHIFTS: [keyof typeof i32x4, (a: number) => number][] = [
  ["shl", (a) => a << 5],
  ["shr_s", (a) => a >> 5],
  ["shr_u", (a) => a >>> 5],
];

Deno.test("`i32x4` operations work lane by lane as 32-bit integers", () => {
  const a = [5, -7, 0x7fffffff, -0x80000000], b = [3, -7, 1, 2];
  const out = new Int32Array(4 * (I32_BINARY.length + I32_SHIFTS.length));
  runKernel((f) => {
    const [y, p] = f.pointers(2);
    const va = f.localV128("a", v128.load(p)), vb = f.localV128("b", v128.load(p, 16));
    I32_BINARY.forEach(([name], i) => f.storeV128(y, (i32x4[name] as typeof i32x4.add)(va, vb), 16 * i));
    I32_SHIFTS.forEach(([name], i) =>
      f.storeV128(y, (i32x4[name] as typeof i32x4.shl)(va, 5), 16 * (I32_BINARY.length + i))
    );
  }, [out, new Int32Array([...a, ...b])]);
  const wanted = [
    ...I32_BINARY.flatMap(([, fn]) => a.map((x, i) => fn(x, b[i]) | 0)),
    ...I32_SHIFTS.flatMap(([, fn]) => a.map((x) => fn(x) | 0)),
  ];
  assertEquals([...out], wanted);
});

Deno.test("`v128` bit operations, shuffles and lane access pick the right bits", () => {
  const a = [1, 2, 3, 4], b = [10, 20, 30, -40];
  const out = new Int32Array(4 * 10);
  runKernel((f) => {
    const [y, p] = f.pointers(2);
    const va = f.localV128("a", v128.load(p)), vb = f.localV128("b", v128.load(p, 16));
    const results = [
      v128.and(va, vb),
      v128.andnot(va, vb),
      v128.xor(v128.or(va, vb), v128.not(va)),
      v128.bitselect(va, vb, f.i32x4(-1, 0, -1, 0)),
      i32x4.shuffle(va, vb, [7, 0, 4, 3]),
      i32x4.replace_lane(i32x4.splat(9), 2, i32x4.extract_lane(vb, 3)),
      v128.select(i32x4.all_true(va), vb, va),
      i32x4.splat(i32x4.bitmask(vb)),
      i32x4.splat(v128.any_true(i32x4.sub(va, va))),
      v128.load32_lane(p, va, 3, 20),
    ];
    results.forEach((result, i) => f.storeV128(y, result, 16 * i));
  }, [out, new Int32Array([...a, ...b])]);
  assertEquals([...out], [
    ...a.map((x, i) => x & b[i]),
    ...a.map((x, i) => x & ~b[i]),
    ...a.map((x, i) => (x | b[i]) ^ ~x),
    ...[1, 20, 3, -40],
    ...[-40, 1, 10, 4],
    ...[9, 9, -40, 9],
    ...b,
    ...[8, 8, 8, 8],
    ...[0, 0, 0, 0],
    ...[1, 2, 3, 20],
  ]);
  assertThrows(() => i32x4.extract_lane(v128.load(0), 4), RangeError, "Cannot use lane 4");
  assertThrows(() => i32x4.shuffle(v128.load(0), v128.load(0), [1]), RangeError, "4 are wanted");
});

Deno.test("vector loads splat, and lane stores write nothing else", () => {
  const out = new Int32Array(24);
  runKernel((f) => {
    const [y, p] = f.pointers(2);
    f.storeV128(y, v128.load32_splat(p, 4), 0);
    f.storeV128(y, v128.load64_splat(p, 4), 16);
    f.storeV128(y, v128.load32_zero(p, 8), 32);
    f.storeV128(y, v128.load64_zero(p, 8), 48);
    f.storeLane32(y, v128.load(p), 2, 64);
    f.storeLane64(y, v128.load(p), 1, 80);
  }, [out, new Int32Array([1, 2, 3, 4])]);
  const row = (i: number) => [...out.slice(4 * i, 4 * i + 4)];
  assertEquals([row(0), row(1), row(2), row(3)], [[2, 2, 2, 2], [2, 3, 2, 3], [3, 0, 0, 0], [3, 4, 0, 0]]);
  assertEquals([row(4), row(5)], [[3, 0, 0, 0], [3, 4, 0, 0]]);
});

Deno.test("`i32x4.trunc_sat_f32x4_s` saturates and converts back", () => {
  const ints = new Int32Array(8), floats = new Float32Array(8);
  runKernel((f) => {
    const [y, z, p] = f.pointers(3);
    f.storeV128(y, i32x4.trunc_sat_f32x4_s(v128.load(p)));
    f.storeV128(y, i32x4.trunc_sat_f32x4_u(v128.load(p)), 16);
    f.storeV128(z, f32x4.convert_i32x4_s(f.i32x4(-1, 2, 3, 4)));
    f.storeV128(z, f32x4.convert_i32x4_u(f.i32x4(-1, 2, 3, 4)), 16);
  }, [ints, floats, new Float32Array([1.9, -2.9, 3e9, NaN])]);
  assertEquals([...ints], [1, -2, 0x7fffffff, 0, 1, 0, 3e9 | 0, 0]);
  assertEquals([...floats], [-1, 2, 3, 4, 4294967296, 2, 3, 4]);
});

Deno.test("`relaxed_madd` is a product and a sum, fused or not", () => {
  const a = [1.1, 2.2, -3.3, 4.4], b = [0.3, -0.7, 0.9, 1e-3], c = [-0.33, 5, 6, 7];
  const out = new Float32Array(8);
  const inputs = new Float32Array([...a, ...b, ...c]);
  runKernel((f) => {
    const [y, p] = f.pointers(2);
    const [u, v, w] = [0, 16, 32].map((offset) => v128.load(p, offset));
    f.storeV128(y, f32x4.relaxed_madd(u, v, w));
    f.storeV128(y, f32x4.relaxed_nmadd(u, v, w), 16);
  }, [out, inputs]);
  for (let i = 0; i < 8; i++) {
    const sign = i < 4 ? 1 : -1, [x, y, z] = [inputs[i % 4], inputs[4 + i % 4], inputs[8 + i % 4]];
    const fused = Math.fround(sign * x * y + z), split = Math.fround(Math.fround(sign * x * y) + z);
    assertEquals(out[i] === fused || out[i] === split, true, `lane ${i}: ${out[i]}`);
  }
});

Deno.test("`f64x2` and `i64x2` handle wide sums and products", () => {
  const wide = new Float64Array(10), ints = new Int32Array(8);
  runKernel((f) => {
    const [y, z, p] = f.pointers(3);
    const low = f.localV128("low", f64x2.promote_low_f32x4(v128.load(p)));
    const third = f64x2.splat(1 / 3);
    f.storeV128(y, f64x2.add(low, third), 0);
    f.storeV128(y, f64x2.mul(low, third), 16);
    f.storeV128(y, f64x2.sub(f64x2.neg(low), f64x2.div(low, third)), 32);
    f.storeV128(y, f64x2.shuffle(low, third, [1, 2]), 48);
    f.storeF64(y, f64x2.extract_lane(f64x2.max(low, f64x2.replace_lane(third, 1, 9)), 1), 64);
    f.storeV128(z, i64x2.extmul_low_i32x4_u(f.i32x4(-1, 3, 5, 7), f.i32x4(-1, 4, 6, 8)));
    f.storeV128(
      z,
      i64x2.shr_u(i64x2.add(i64x2.splat(i64x2.extract_lane(v128.load(z), 0)), v128.load(z)), 32),
      16,
    );
  }, [wide, ints, new Float32Array([1.5, -2, 0, 0])]);
  const third = 1 / 3;
  const wanted = [1.5 + third, -2 + third, 1.5 * third, -2 * third, -1.5 - 1.5 / third, 2 + 2 / third];
  assertEquals([...wide.slice(0, 9)], [...wanted, -2, third, 9]);
  // (2^32 - 1)^2 = 2^64 - 2^33 + 1
  assertEquals([...ints.slice(0, 4)], [1, -2, 12, 0]);
  assertEquals([...ints.slice(4)], [-4, 0, -2, 0]);
});

Deno.test("`i8x16.swizzle` picks bytes and gives 0 out of range", () => {
  const out = new Int32Array(8);
  runKernel((f) => {
    const [y, p] = f.pointers(2);
    f.storeV128(y, i8x16.swizzle(v128.load(p), f.i32x4(0x00010203, -1, 0x0f0e0d0c, 0)));
    f.storeV128(y, i8x16.shuffle(v128.load(p), v128.load(p), [...Array(16).keys()].map((i) => 31 - i)), 16);
  }, [out, new Int32Array([0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d])]);
  assertEquals([...out.slice(0, 4)], [0x01020304, 0, 0x100f0e0d, 0x01010101]);
  assertEquals([...out.slice(4)], [0x0d0e0f10, 0x090a0b0c, 0x05060708, 0x01020304]);
});
