import { assert, assertEquals } from "@std/assert";
import { gemmCall, isGemmCode, worthBlas } from "../../../../engine/device/cpu/blas_call.ts";
import { kernelModule } from "../../../../engine/device/cpu/wasm/mod.ts";
import type { Gemm } from "../../../../engine/kernel.ts";

const SQUARE: Gemm = { a: 0, b: 1, c: 2, transA: false, transB: true, m: 64, n: 64, k: 64, batch: 1 };
const GROUPS = { along: "m", counts: 3, offsets: 4 } as const;

Deno.test("`worthBlas()` leaves tiny products and vectors to WebAssembly", () => {
  assert(worthBlas(SQUARE));
  assert(worthBlas({ ...SQUARE, m: 2048, n: 8 }));
  assert(!worthBlas({ ...SQUARE, m: 16, n: 16, k: 16, batch: 1000 }));
  assert(!worthBlas({ ...SQUARE, m: 1, n: 4096, k: 4096 }));
});

Deno.test("`worthBlas()` looks at the mean group", () => {
  assert(worthBlas({ ...SQUARE, m: 16 * 64, batch: 16, groups: GROUPS }));
  assert(!worthBlas({ ...SQUARE, m: 64, batch: 64, groups: GROUPS }));
});

Deno.test("`gemmCall()` cuts a product into no more pieces than lanes, none of them small", () => {
  const pieces = (gemm: Gemm, lanes: number) => gemmCall(gemm, lanes).range;
  assertEquals(pieces(SQUARE, 8), 1);
  assertEquals(pieces({ ...SQUARE, batch: 16 }, 8), 4);
  assertEquals(pieces({ ...SQUARE, m: 2048 }, 2), 2);
  assertEquals(pieces({ ...SQUARE, m: 64 * 16, batch: 16, groups: GROUPS }, 8), 4);
});

Deno.test("`gemmCall()` binds A, B, C, bias, counts and offsets, and C where one is missing", () => {
  assertEquals(gemmCall(SQUARE, 1).bindings, [0, 1, 2, 2, 2, 2]);
  assertEquals(gemmCall({ ...SQUARE, bias: 5, groups: GROUPS }, 1).bindings, [0, 1, 2, 5, 3, 4]);
});

Deno.test("`isGemmCode()` tells products from WebAssembly modules", () => {
  assert(isGemmCode(gemmCall(SQUARE, 2).build()));
  assert(!isGemmCode(kernelModule(() => {})));
});
