/**
 * Matrix products as calls of the device's list: the pieces of a product are the work items of its call, and a lane
 * does its items by calling the library.
 *
 * @module
 */
import type { CpuCall, Gemm } from "../../kernel.ts";
import type { Blas } from "./blas.ts";
import { BlasProduct } from "./blas_product.ts";
import type { Run } from "./call_list.ts";

/** Work worth a thread of its own: about 30 us. */
const PIECE_FLOPS = 2e6;

/** Multiplications of one product that are worth the microsecond that a foreign call takes. */
const FEWEST_MULTIPLICATIONS = 2e4;

/** Rows or columns of C with which a product is more than reading its larger operand once. */
const FEWEST_LINES = 4;

/** What the code of a call starts with; a WebAssembly module starts with a zero byte. */
const PREFIX = "gemm ";

interface GemmCode {
  readonly gemm: Gemm;
  readonly pieces: number;
}

/** Whether the library is faster than the plan's own calls, which it is not for tiny products and for vectors. */
export function worthBlas({ m, n, k, batch, groups }: Gemm): boolean {
  const multiplications = m * n * k / (groups ? batch : 1);
  return multiplications >= FEWEST_MULTIPLICATIONS && Math.min(m, n) >= FEWEST_LINES;
}

/**
 * The call that does `gemm`. It has one work item a lane at most, and each item is one piece whoever does it: bits
 * depend on the number of lanes, but not on which of them are awake.
 */
export function gemmCall(gemm: Gemm, lanes: number): CpuCall {
  const { a, b, c, addend = c, bias = addend, groups: { counts, offsets } = { counts: c, offsets: c } } =
    gemm;
  const flops = 2 * gemm.m * gemm.n * gemm.k * (gemm.groups ? 1 : gemm.batch);
  const pieces = Math.max(1, Math.min(lanes, Math.floor(flops / PIECE_FLOPS)));
  const code = PREFIX + JSON.stringify({ gemm, pieces } satisfies GemmCode);
  return {
    key: code,
    build: () => new TextEncoder().encode(code),
    bindings: [a, b, c, bias, counts, offsets],
    range: pieces,
    grain: 1,
  };
}

/** Whether bytes are the code of a `gemmCall`, and not a WebAssembly module. */
export function isGemmCode(bytes: Uint8Array): boolean {
  return bytes[0] === PREFIX.charCodeAt(0);
}

/** The function of a `gemmCall`, from its code. */
export function gemmRun(bytes: Uint8Array, memory: WebAssembly.Memory, blas: Blas): Run {
  const { gemm, pieces }: GemmCode = JSON.parse(new TextDecoder().decode(bytes).slice(PREFIX.length));
  const product = new BlasProduct(gemm, pieces, memory, blas);
  return (args, begin, end) => product.run(args, begin, end);
}
