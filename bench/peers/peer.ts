import type { Contender } from "../contender.ts";
import type { DenseStackValues } from "../dense_stack.ts";

/** A product of matrices `op(a)[m, k] op(b)[k, n]`. */
export interface ProductSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Work on one array `f32[rows, width]` (two of them for `swiglu`). */
export type RowWork = "silu" | "swiglu" | "exp" | "softmax" | "layernorm";

/** Self-attention on `f32[batch * heads, tokens, headDim]` for each of q, k and v. */
export interface HeadSizes {
  readonly batch: number;
  readonly heads: number;
  readonly tokens: number;
  readonly headDim: number;
}

/** Where a peer computes. */
export type PeerBackend = "wasm" | "webgpu";

/** Another engine that runs in JavaScript. Inputs are uniform random numbers that the peer makes. */
export interface Peer {
  /** As in `jax-js`. */
  readonly name: string;
  /** Package and version. */
  readonly version: string;
  /** A product of matrices. */
  product(sizes: ProductSizes): Contender;
  /** An element-wise or row function. */
  rows(work: RowWork, rows: number, width: number): Contender;
  /** `softmax(q k^T / sqrt(D)) v`, forward. */
  attention(sizes: HeadSizes): Contender;
  /** The training step of `dense_stack.ts`; `losses` receives the loss of every step. */
  denseStack(values: DenseStackValues, losses: number[]): Contender;
}

/** A timed function that is called until `budget` milliseconds are over. */
export function repeated(
  name: string,
  budget: number,
  call: () => unknown,
  close: () => void = () => {},
): Contender {
  return {
    name,
    async round(): Promise<number> {
      const start = performance.now();
      let calls = 0;
      do {
        await call();
        calls++;
      } while (performance.now() - start < budget);
      return (performance.now() - start) / calls;
    },
    [Symbol.dispose]: close,
  };
}

/**
 * A function that hands work to a GPU's queue: called as often as fills `budget` milliseconds, then waited for once, since
 * every wait costs some milliseconds of its own.
 */
export function queued<T>(
  name: string,
  budget: number,
  call: () => T,
  finish: (results: readonly T[]) => Promise<void>,
  drop: (result: T) => void,
  close: () => void,
): Contender {
  let repeats = 1;
  const run = async (): Promise<number> => {
    const start = performance.now();
    const results = Array.from({ length: repeats }, call);
    await finish(results);
    results.forEach(drop);
    return (performance.now() - start) / repeats;
  };
  return {
    name,
    async round(): Promise<number> {
      const milliseconds = await run();
      repeats = Math.max(1, Math.ceil(budget / milliseconds));
      return milliseconds;
    },
    [Symbol.dispose]: close,
  };
}

/** Uniform random numbers in [-1, 1). */
export function randomData(size: number): Float32Array<ArrayBuffer> {
  return new Float32Array(size).map(() => 2 * Math.random() - 1);
}
