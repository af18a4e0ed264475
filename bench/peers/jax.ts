import type { Contender } from "../contender.ts";
import { DENSE_STACK, type DenseStackValues, type HostTensor } from "../dense_stack.ts";
import { jaxDenseStep } from "./jax_dense_stack.ts";
import {
  type HeadSizes,
  type Peer,
  type PeerBackend,
  type ProductSizes,
  queued,
  randomData,
  repeated,
  type RowWork,
} from "./peer.ts";

/** An array of jax-js: every operation consumes its operands, `ref` keeps one alive for another use. */
export interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(order?: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** Nested objects and arrays of arrays. */
export type JaxTree = JaxArray | readonly JaxTree[] | { readonly [name: string]: JaxTree };

/** The part of `@jax-js/jax` that the benchmark uses. */
export interface Jax {
  init(...devices: string[]): Promise<unknown>;
  defaultDevice(device: string): void;
  blockUntilReady<T extends JaxTree>(value: T): Promise<T>;
  jit<A extends readonly unknown[], R>(call: (...args: A) => R): (...args: A) => R;
  valueAndGrad<A extends readonly unknown[]>(
    loss: (...args: A) => JaxArray,
  ): (...args: A) => [JaxArray, A[0]];
  readonly tree: {
    ref<T extends JaxTree>(tree: T): T;
    map<T extends JaxTree>(call: (...leaves: JaxArray[]) => JaxArray, ...trees: T[]): T;
  };
  readonly numpy: {
    array(data: Float32Array): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    mean(x: JaxArray, axis?: number, options?: { keepdims: boolean }): JaxArray;
    square(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    exp(x: JaxArray): JaxArray;
    reciprocal(x: JaxArray): JaxArray;
    split(x: JaxArray, parts: number, axis: number): JaxArray[];
  };
  readonly nn: {
    silu(x: JaxArray): JaxArray;
    softmax(x: JaxArray, axis: number): JaxArray;
  };
}

const VERSION = "0.1.25";

/** Not a literal import: the package is no dependency, and is fetched by the benchmark alone. */
const PACKAGE: string = `npm:@jax-js/jax@${VERSION}`;

/** Loads jax-js and one of its backends. */
export async function openJax(budget: number, backend: PeerBackend): Promise<Peer> {
  const jax = await import(PACKAGE) as Jax;
  await jax.init(backend);
  jax.defaultDevice(backend);
  const timing: Timing = { jax, backend, budget };
  return {
    name: "jax-js",
    version: `@jax-js/jax ${VERSION}, ${backend}, jit`,
    product: (sizes) => product(timing, sizes),
    rows: (work, rows, width) => rowWork(timing, work, rows, width),
    attention: (sizes) => attention(timing, sizes),
    denseStack: (values, losses) => denseStack(jax, values, losses),
  };
}

/** An array on the device of jax-js. */
export function placeJax(jax: Jax, { shape, data }: HostTensor): JaxArray {
  return jax.numpy.array(data).reshape(shape);
}

function random(jax: Jax, ...shape: number[]): JaxArray {
  return placeJax(jax, { shape, data: randomData(shape.reduce((a, b) => a * b, 1)) });
}

/** How to time one call. */
interface Timing {
  readonly jax: Jax;
  readonly backend: PeerBackend;
  /** Milliseconds of a round. */
  readonly budget: number;
}

/** Times a jitted function of some arrays, which stay alive. */
function timed(
  { jax, backend, budget }: Timing,
  call: (...inputs: JaxArray[]) => JaxArray,
  inputs: JaxArray[],
): Contender {
  const compiled = jax.jit(call);
  const start = () => compiled(...inputs.map((input) => input.ref));
  const close = () => inputs.forEach((input) => input.dispose());
  if (backend === "webgpu") {
    // Nothing is submitted before it is waited for.
    const finish = async (results: readonly JaxArray[]) => {
      await Promise.all(results.map((result) => jax.blockUntilReady(result)));
    };
    return queued("jax-js", budget, start, finish, (result) => result.dispose(), close);
  }
  return repeated("jax-js", budget, async () => {
    const result = start();
    await jax.blockUntilReady(result);
    result.dispose();
  }, close);
}

function product(timing: Timing, { m, n, k, transA, transB }: ProductSizes): Contender {
  const { jax } = timing;
  const a = transA ? random(jax, k, m) : random(jax, m, k),
    b = transB ? random(jax, n, k) : random(jax, k, n);
  const turned = (x: JaxArray, transposed: boolean) => transposed ? x.transpose() : x;
  return timed(timing, (x, y) => jax.numpy.matmul(turned(x, transA), turned(y, transB)), [a, b]);
}

/** Normalises rows to mean 0 and variance 1. */
export function jaxLayerNorm(jax: Jax, x: JaxArray): JaxArray {
  const { numpy: np } = jax;
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return centred.mul(np.reciprocal(np.sqrt(variance.add(1e-6))));
}

function rowWork(timing: Timing, work: RowWork, rows: number, width: number): Contender {
  const { jax } = timing;
  const calls: Record<RowWork, (x: JaxArray, y: JaxArray) => JaxArray> = {
    silu: (x) => jax.nn.silu(x),
    swiglu: (x, y) => jax.nn.silu(x).mul(y),
    exp: (x) => jax.numpy.exp(x),
    softmax: (x) => jax.nn.softmax(x, -1),
    layernorm: (x) => jaxLayerNorm(jax, x),
  };
  const inputs = Array.from({ length: work === "swiglu" ? 2 : 1 }, () => random(jax, rows, width));
  return timed(timing, calls[work] as (...inputs: JaxArray[]) => JaxArray, inputs);
}

/** `softmax(q k^T / sqrt(D)) v` on `f32[batch * heads, tokens, headDim]`. */
export function jaxHeads(jax: Jax, q: JaxArray, k: JaxArray, v: JaxArray): JaxArray {
  const { numpy: np, nn } = jax;
  const headDim = q.shape[2];
  const scores = np.matmul(q, k.transpose([0, 2, 1])).mul(1 / Math.sqrt(headDim));
  return np.matmul(nn.softmax(scores, -1), v);
}

function attention(timing: Timing, { batch, heads, tokens, headDim }: HeadSizes): Contender {
  const { jax } = timing;
  const inputs = [0, 1, 2].map(() => random(jax, batch * heads, tokens, headDim));
  return timed(timing, (q, k, v) => jaxHeads(jax, q, k, v), inputs);
}

function denseStack(jax: Jax, values: DenseStackValues, losses: number[]): Contender {
  const step = jaxDenseStep(jax, values, DENSE_STACK);
  return repeated("jax-js", 0, async () => {
    losses.push(await step());
  });
}
