import { assertEquals, assertThrows } from "@std/assert";
import { f32, f64, i32, i64 } from "../../../../../engine/device/cpu/wasm/mod.ts";
import { runKernel } from "./harness.ts";

const PAIRS: readonly (readonly [number, number])[] = [
  [7, 3],
  [-7, 3],
  [0x7fffffff, 5],
  [-0x80000000, 31],
  [-1, -2],
  [12345, 12345],
];

const unsigned = (x: number) => x >>> 0;
const I32_CASES: Record<string, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: Math.imul,
  div_s: (a, b) => Math.trunc(a / b),
  div_u: (a, b) => Math.floor(unsigned(a) / unsigned(b)),
  rem_s: (a, b) => a % b,
  rem_u: (a, b) => unsigned(a) % unsigned(b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr_s: (a, b) => a >> b,
  shr_u: (a, b) => a >>> b,
  rotl: (a, b) => (a << b) | (a >>> (32 - (b & 31))),
  rotr: (a, b) => (a >>> b) | (a << (32 - (b & 31))),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt_s: (a, b) => Number(a < b),
  lt_u: (a, b) => Number(unsigned(a) < unsigned(b)),
  gt_s: (a, b) => Number(a > b),
  gt_u: (a, b) => Number(unsigned(a) > unsigned(b)),
  le_s: (a, b) => Number(a <= b),
  le_u: (a, b) => Number(unsigned(a) <= unsigned(b)),
  ge_s: (a, b) => Number(a >= b),
  ge_u: (a, b) => Number(unsigned(a) >= unsigned(b)),
};

Deno.test("`i32` operations give what JavaScript's 32-bit operators give", () => {
  const names = Object.keys(I32_CASES) as (keyof typeof i32 & keyof typeof I32_CASES)[];
  for (const [a, b] of PAIRS) {
    const out = new Int32Array(names.length), inputs = new Int32Array([a, b]);
    runKernel((f) => {
      const [y, x] = f.pointers(2);
      const left = f.localI32("left", i32.load(x)), right = f.localI32("right", i32.load(x, 4));
      names.forEach((name, i) => {
        f.storeI32(y, (i32[name] as typeof i32.add)(left, right), 4 * i);
      });
    }, [out, inputs]);
    names.forEach((name, i) => assertEquals(out[i], I32_CASES[name](a, b) | 0, `${name}(${a}, ${b})`));
  }
});

Deno.test("`i32` constants of every LEB128 length arrive, addresses above 2 GiB included", () => {
  const values = [
    0,
    63,
    64,
    -64,
    -65,
    8191,
    8192,
    -8193,
    1 << 20,
    -(1 << 27),
    0x7fffffff,
    -0x80000000,
    0xfffffff0,
  ];
  const out = new Int32Array(values.length);
  runKernel((f) => {
    const [y] = f.pointers(1);
    values.forEach((value, i) => f.storeI32(y, value, 4 * i));
  }, [out]);
  assertEquals([...out], values.map((value) => value | 0));
  assertThrows(() => i32.const(2 ** 32), RangeError, "Cannot encode 4294967296 as i32");
  assertThrows(() => i32.const(1.5), RangeError, "whole number of 32 bits");
});

Deno.test("`i32` sums and products of constants fold to one constant", () => {
  assertEquals(i32.add(i32.mul(6, 7), 0).constant, 42);
  assertEquals(i32.shl(i32.sub(9, 1), 2).constant, 32);
  const load = i32.load(0);
  assertEquals([i32.add(load, 0), i32.add(0, load), i32.mul(load, 1), i32.shl(load, 0)], [
    load,
    load,
    load,
    load,
  ]);
});

Deno.test("`i64` multiplies and shifts whole 64-bit values", () => {
  const out = new Int32Array(5);
  runKernel((f) => {
    const [y] = f.pointers(1);
    const wide = f.localI64("wide", i64.mul(i64.extend_i32_u(0xd2511f53), i64.extend_i32_u(0xcd9e8d57)));
    f.storeI32(y, i32.wrap_i64(wide), 0);
    f.storeI32(y, i32.wrap_i64(i64.shr_u(wide, i64.const(32n))), 4);
    f.storeI32(y, i64.lt_s(i64.extend_i32_s(-1), i64.const(-(1n << 62n))), 8);
    f.storeI32(y, i64.eq(i64.const((1n << 64n) - 1n), i64.const(-1n)), 12);
    f.storeI32(y, i32.wrap_i64(i64.select(0, i64.const(1n), i64.const(2n))), 16);
  }, [out]);
  const product = 0xd2511f53n * 0xcd9e8d57n;
  const wanted = [Number(BigInt.asIntN(32, product)), Number(BigInt.asIntN(32, product >> 32n)), 0, 1, 2];
  assertEquals([...out], wanted);
});

Deno.test("`f32` and `f64` operations give what Math gives", () => {
  const values = [[2.5, -1.25], [-3.5, 0.5], [2 ** 100, 3], [-0, 0]];
  for (const [a, b] of values) {
    const wanted = [a + b, a - b, a * b, a / b, Math.min(a, b), Math.max(a, b), Math.abs(a), -a]
      .concat([Math.ceil(a), Math.floor(a), Math.trunc(a), Math.sqrt(a)])
      .concat([
        Number(a < b),
        Number(a > b),
        Number(a <= b),
        Number(a >= b),
        Number(a === b),
        Number(a !== b),
      ]);
    const narrow = new Float32Array(wanted.length), wide = new Float64Array(wanted.length);
    runKernel((f) => {
      const [y, z, p, q] = f.pointers(4);
      const a = f.localF32("a", f32.load(p)), b = f.localF32("b", f32.load(p, 4));
      const c = f.localF64("c", f64.load(q)), d = f.localF64("d", f64.load(q, 8));
      const arithmetic = ["add", "sub", "mul", "div", "min", "max"] as const;
      const unary = ["abs", "neg", "ceil", "floor", "trunc", "sqrt"] as const;
      const compare = ["lt", "gt", "le", "ge", "eq", "ne"] as const;
      arithmetic.forEach((name, i) => f.storeF32(y, f32[name](a, b), 4 * i));
      arithmetic.forEach((name, i) => f.storeF64(z, f64[name](c, d), 8 * i));
      unary.forEach((name, i) => f.storeF32(y, f32[name](a), 24 + 4 * i));
      unary.forEach((name, i) => f.storeF64(z, f64[name](c), 48 + 8 * i));
      compare.forEach((name, i) => f.storeF32(y, f32.convert_i32_s(f32[name](a, b)), 48 + 4 * i));
      compare.forEach((name, i) => f.storeF64(z, f64.convert_i32_u(f64[name](c, d)), 96 + 8 * i));
    }, [narrow, wide, new Float32Array([a, b]), new Float64Array([a, b])]);
    assertEquals([...narrow], [...new Float32Array(wanted)], `f32 of ${a}, ${b}`);
    assertEquals([...wide], wanted, `f64 of ${a}, ${b}`);
  }
});

Deno.test("conversions saturate, round to even and keep bits", () => {
  const ints = new Int32Array(6), floats = new Float32Array(5);
  runKernel((f) => {
    const [y, z] = f.pointers(2);
    f.storeI32(y, i32.trunc_sat_f32_s(-2.9), 0);
    f.storeI32(y, i32.trunc_sat_f32_s(3e9), 4);
    f.storeI32(y, i32.trunc_sat_f32_u(-1), 8);
    f.storeI32(y, i32.trunc_sat_f64_s(NaN), 12);
    f.storeI32(y, i32.trunc_sat_f64_u(4294967295), 16);
    f.storeI32(y, i32.reinterpret_f32(-1), 20);
    f.storeF32(z, f32.convert_i32_u(-1), 0);
    f.storeF32(z, f32.demote_f64(f64.add(f64.promote_f32(0.1), 1e-12)), 4);
    f.storeF32(z, f32.reinterpret_i32(0x3fc00000), 8);
    f.storeF32(z, f32.nearest(2.5), 12);
    f.storeF32(z, f32.select(i32.const(1), 4, f32.const(5)), 16);
  }, [ints, floats]);
  assertEquals([...ints], [-2, 0x7fffffff, 0, 0, -1, 0xbf800000 | 0]);
  assertEquals([...floats], [4294967296, Math.fround(Math.fround(0.1) + 1e-12), 1.5, 2, 4]);
});

Deno.test("loads and stores of 8 and 16 bits extend and truncate", () => {
  const out = new Int32Array(5);
  runKernel((f) => {
    const [y] = f.pointers(1);
    f.storeI8(y, 0x1fe, 0);
    f.storeI16(y, 0x1fffe, 2);
    f.storeI32(y, i32.load8_s(y), 4);
    f.storeI32(y, i32.load8_u(y), 8);
    f.storeI32(y, i32.load16_s(y, 2), 12);
    f.storeI32(y, i32.load16_u(y, 2), 16);
  }, [out]);
  assertEquals([...out], [0xfffe00fe | 0, -2, 0xfe, -2, 0xfffe]);
  assertThrows(() => i32.load(0, -4), RangeError, "Cannot use a memory offset of -4 bytes");
});
