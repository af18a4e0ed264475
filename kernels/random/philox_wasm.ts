import {
  type Expr,
  type FunctionBuilder,
  i32,
  i32x4,
  i64x2,
  type Local,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { transpose } from "../matmul/cpu_pack.ts";

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** Both halves of the 64-bit products of four lanes with a constant. */
function multiplyWide(f: FunctionBuilder, word: Expr<"v128">, factor: number) {
  const even = f.localV128("products01", i64x2.extmul_low_i32x4_u(word, f.i32x4(factor)));
  const odd = f.localV128("products23", i64x2.extmul_high_i32x4_u(word, f.i32x4(factor)));
  return {
    low: f.localV128("low", i32x4.shuffle(even, odd, [0, 2, 4, 6])),
    high: f.localV128("high", i32x4.shuffle(even, odd, [1, 3, 5, 7])),
  };
}

function round(f: FunctionBuilder, counter: readonly Local<"v128">[], key: readonly Local<"v128">[]): void {
  const [c0, c1, c2, c3] = counter;
  const first = multiplyWide(f, c0, MULTIPLIER_0);
  const second = multiplyWide(f, c2, MULTIPLIER_1);
  c0.set(v128.xor(v128.xor(second.high, c1), key[0]));
  c1.set(second.low);
  c2.set(v128.xor(v128.xor(first.high, c3), key[1]));
  c3.set(first.low);
  key[0].set(i32x4.add(key[0], f.i32x4(WEYL_0)));
  key[1].set(i32x4.add(key[1], f.i32x4(WEYL_1)));
}

/**
 * Stores the 16 random words of blocks `4 * item` to `4 * item + 3` at `to`: each lane of a vector computes one
 * block, and a transposition puts the words of a block side by side.
 *
 * @param rng address of [seed low, seed high, step]
 */
export function storeWords(
  f: FunctionBuilder,
  rng: Expr<"i32">,
  item: Expr<"i32">,
  stream: number,
  to: Expr<"i32">,
): void {
  const block = i32x4.add(i32x4.splat(i32.shl(item, 2)), f.i32x4(0, 1, 2, 3));
  const counter = [block, v128.load32_splat(rng, 8), f.i32x4(stream), f.i32x4(0)]
    .map((word, i) => f.localV128(`c${i}`, word));
  const key = [0, 4].map((offset) => f.localV128("key", v128.load32_splat(rng, offset)));
  f.forCount(ROUNDS, () => round(f, counter, key));
  transpose(f, counter).forEach((words, b) => f.storeV128(to, words, 16 * b));
}
