import type { Contender } from "../contender.ts";
import { DENSE_STACK, type DenseStackValues, type HostTensor } from "../dense_stack.ts";
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
import { tfjsDenseStep } from "./tfjs_dense_stack.ts";

/** A tensor of TensorFlow.js. */
export interface TfTensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** A tensor that can be assigned to. */
export interface TfVariable extends TfTensor {
  readonly name: string;
  assign(value: TfTensor): void;
}

/** The part of `@tensorflow/tfjs` that the benchmark uses. */
export interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  variable(value: TfTensor, trainable: boolean, name: string): TfVariable;
  zerosLike(x: TfTensor): TfTensor;
  keep<T extends TfTensor>(x: T): T;
  tidy<T>(body: () => T): T;
  variableGrads(
    loss: () => TfTensor,
    variables: TfVariable[],
  ): { value: TfTensor; grads: Readonly<Record<string, TfTensor>> };
  matMul(a: TfTensor, b: TfTensor, transA?: boolean, transB?: boolean): TfTensor;
  add(a: TfTensor, b: TfTensor | number): TfTensor;
  sub(a: TfTensor, b: TfTensor): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  div(a: TfTensor, b: TfTensor): TfTensor;
  mean(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor;
  square(x: TfTensor): TfTensor;
  sqrt(x: TfTensor): TfTensor;
  rsqrt(x: TfTensor): TfTensor;
  exp(x: TfTensor): TfTensor;
  sigmoid(x: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  split(x: TfTensor, parts: number, axis: number): TfTensor[];
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, order: readonly number[]): TfTensor;
}

interface WasmBackend {
  setWasmPaths(folder: string): void;
}

const VERSION = "4.22.0";

/** Not literal imports: the packages are no dependencies, and are fetched by the benchmark alone. */
const PACKAGES: Readonly<Record<"core" | "all" | PeerBackend, string>> = {
  core: `npm:@tensorflow/tfjs-core@${VERSION}`,
  all: `npm:@tensorflow/tfjs@${VERSION}`,
  wasm: `npm:@tensorflow/tfjs-backend-wasm@${VERSION}`,
  webgpu: `npm:@tensorflow/tfjs-backend-webgpu@${VERSION}`,
};

/** Loads TensorFlow.js and one of its backends. */
export async function openTfjs(budget: number, backend: PeerBackend): Promise<Peer> {
  const tf = await import(PACKAGES.core) as Tf;
  await import(PACKAGES.all); // Registers the gradients.
  const module = await import(PACKAGES[backend]);
  if (backend === "wasm") {
    // The package's own folder, which holds the .wasm files beside the module.
    (module as WasmBackend).setWasmPaths(new URL("./", import.meta.resolve(PACKAGES.wasm)).pathname);
  }
  await tf.setBackend(backend);
  await tf.ready();
  const timing: Timing = { tf, backend, budget };
  return {
    name: "tfjs",
    version: `@tensorflow/tfjs-backend-${backend} ${VERSION}`,
    product: (sizes) => product(timing, sizes),
    rows: (work, rows, width) => rowWork(timing, work, rows, width),
    attention: (sizes) => attention(timing, sizes),
    denseStack: (values, losses) => denseStack(tf, values, losses),
  };
}

/** A tensor with these values. */
export function placeTfjs(tf: Tf, { shape, data }: HostTensor): TfTensor {
  return tf.tensor(data, shape);
}

function random(tf: Tf, ...shape: number[]): TfTensor {
  return placeTfjs(tf, { shape, data: randomData(shape.reduce((a, b) => a * b, 1)) });
}

/** How to time one call. */
interface Timing {
  readonly tf: Tf;
  readonly backend: PeerBackend;
  /** Milliseconds of a round. */
  readonly budget: number;
}

/** Times a function of some tensors; kernels of the WASM backend run at once, those of WebGPU when they are read. */
function timed(
  { tf, backend, budget }: Timing,
  call: () => TfTensor,
  inputs: readonly TfTensor[],
): Contender {
  const start = () => tf.tidy(call);
  const close = () => inputs.forEach((input) => input.dispose());
  if (backend === "wasm") return repeated("tfjs", budget, () => start().dispose(), close);
  const finish = async (results: readonly TfTensor[]) => {
    await results[results.length - 1].data();
  };
  return queued("tfjs", budget, start, finish, (result) => result.dispose(), close);
}

function product(timing: Timing, { m, n, k, transA, transB }: ProductSizes): Contender {
  const { tf } = timing;
  const a = transA ? random(tf, k, m) : random(tf, m, k), b = transB ? random(tf, n, k) : random(tf, k, n);
  return timed(timing, () => tf.matMul(a, b, transA, transB), [a, b]);
}

/** `x * sigmoid(x)`. */
export function tfjsSilu(tf: Tf, x: TfTensor): TfTensor {
  return tf.mul(x, tf.sigmoid(x));
}

/** Normalises rows to mean 0 and variance 1. */
export function tfjsLayerNorm(tf: Tf, x: TfTensor): TfTensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  return tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-6)));
}

function rowWork(timing: Timing, work: RowWork, rows: number, width: number): Contender {
  const { tf } = timing;
  const x = random(tf, rows, width), y = random(tf, rows, width);
  const calls: Record<RowWork, () => TfTensor> = {
    silu: () => tfjsSilu(tf, x),
    swiglu: () => tf.mul(tfjsSilu(tf, x), y),
    exp: () => tf.exp(x),
    softmax: () => tf.softmax(x),
    layernorm: () => tfjsLayerNorm(tf, x),
  };
  return timed(timing, calls[work], [x, y]);
}

/** `softmax(q k^T / sqrt(D)) v` on `f32[batch * heads, tokens, headDim]`. */
export function tfjsHeads(tf: Tf, q: TfTensor, k: TfTensor, v: TfTensor): TfTensor {
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[2]));
  return tf.matMul(tf.softmax(scores), v);
}

function attention(timing: Timing, { batch, heads, tokens, headDim }: HeadSizes): Contender {
  const { tf } = timing;
  const [q, k, v] = [0, 1, 2].map(() => random(tf, batch * heads, tokens, headDim));
  return timed(timing, () => tfjsHeads(tf, q, k, v), [q, k, v]);
}

function denseStack(tf: Tf, values: DenseStackValues, losses: number[]): Contender {
  const step = tfjsDenseStep(tf, values, DENSE_STACK);
  return repeated("tfjs", 0, async () => {
    losses.push(await step());
  });
}
