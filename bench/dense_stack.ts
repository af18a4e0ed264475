import { f32, u32 } from "../engine/core/spec.ts";
import { type Shape, sizeOf } from "../engine/core/shape.ts";
import type { Device } from "../engine/device/device.ts";
import type { Tensor } from "../engine/tensor.ts";
import { adamw, type AdamwControl, type AdamwState } from "../kernels/adamw/mod.ts";
import { attention } from "../kernels/attention/mod.ts";
import { gatedResidual, modulate, silu } from "../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../kernels/grad.ts";
import { layernorm } from "../kernels/layernorm/mod.ts";
import { linear } from "../kernels/matmul/mod.ts";
import { mse } from "../kernels/reduce/mod.ts";
import { reshape } from "../kernels/reshape/mod.ts";
import { split } from "../kernels/split/mod.ts";

/** Sizes of the stack: width, blocks, heads, tokens of a picture, pictures, and width between the MLP's layers. */
export const DENSE_STACK = { width: 128, depth: 4, heads: 4, tokens: 64, batch: 32, hidden: 512 } as const;

/** AdamW of the stack. */
export const DENSE_STACK_ADAMW = { rate: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 } as const;

/** Losses of the first three steps: PyTorch in float32. */
export const DENSE_STACK_LOSSES: readonly number[] = [1.956116, 1.951581, 1.947153];

/** An array with its shape, on the host. */
export interface HostTensor {
  /** Its dimensions. */
  readonly shape: Shape;
  /** In row-major order. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Parameters of one block by name; weights are `f32[inputs, outputs]`. */
export type DenseBlock = Readonly<Record<DenseName, HostTensor>>;

/** Everything that a run starts from. */
export interface DenseStackValues {
  /** Parameters, block by block. */
  readonly blocks: readonly DenseBlock[];
  /** Input, `f32[B, T, D]`. */
  readonly x: HostTensor;
  /** Condition, `f32[B, D]`. */
  readonly c: HostTensor;
  /** Target, `f32[B, T, D]`. */
  readonly y: HostTensor;
}

type DenseName = "Wqkv" | "bqkv" | "Wo" | "bo" | "Wm" | "bm" | "W1" | "b1" | "W2" | "b2";

const { width: D, depth, heads, tokens: T, batch: B, hidden: F } = DENSE_STACK;
const EPS = 1e-6;
/** Fan-in that biases are scaled by. */
const BIAS_FAN_IN = 64;
const INPUT_SCALE = 3.4;
const SEED_STEP = 7919;
const SHAPES: Readonly<Record<DenseName, Shape>> = {
  Wqkv: [D, 3 * D],
  bqkv: [3 * D],
  Wo: [D, D],
  bo: [D],
  Wm: [D, 6 * D],
  bm: [6 * D],
  W1: [D, F],
  b1: [F],
  W2: [F, D],
  b2: [D],
};
const NAMES = Object.keys(SHAPES) as DenseName[];

/** Values of a 32-bit linear congruential generator (Numerical Recipes), in [-scale / 2, scale / 2). */
function congruential(seed: number, shape: Shape, scale: number): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  let state = seed >>> 0;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) * scale;
  }
  return { shape, data };
}

/** The initial values, which every engine starts from. */
export function denseStackValues(): DenseStackValues {
  let seed = 0;
  const block = () =>
    Object.fromEntries(NAMES.map((name) => {
      const shape = SHAPES[name];
      const scale = 2 / Math.sqrt(shape.length === 2 ? shape[0] : BIAS_FAN_IN);
      return [name, congruential(SEED_STEP * ++seed, shape, scale)];
    })) as DenseBlock;
  return {
    blocks: Array.from({ length: depth }, block),
    x: congruential(11, [B, T, D], INPUT_SCALE),
    c: congruential(12, [B, D], INPUT_SCALE),
    y: congruential(13, [B, T, D], INPUT_SCALE),
  };
}

/** As this engine keeps a weight: `f32[outputs, inputs]`. */
function transposed({ shape: [rows, columns], data }: HostTensor): HostTensor {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c];
  }
  return { shape: [columns, rows], data: result };
}

type Parameters = Readonly<Record<DenseName, Tensor>>;

function forwardBlock(x: Tensor, c: Tensor, p: Parameters): Tensor {
  const conditions = reshape(linear(silu(c), p.Wm, p.bm), [B, 1, 6 * D]);
  const [shift1, scale1, gate1, shift2, scale2, gate2] = split(conditions, 2, 6); // f32[B, 1, D]
  const first = modulate(layernorm(x, undefined, undefined, EPS), shift1, scale1); // f32[B, T, D]
  const qkv = reshape(linear(first, p.Wqkv, p.bqkv), [B, T, 3, heads, D / heads]);
  const mixed = reshape(attention({ qkv }), [B, T, D]);
  const middle = gatedResidual(x, gate1, linear(mixed, p.Wo, p.bo)); // f32[B, T, D]
  const second = modulate(layernorm(middle, undefined, undefined, EPS), shift2, scale2);
  const inner = silu(linear(second, p.W1, p.b1)); // f32[B, T, F]
  return gatedResidual(middle, gate2, linear(inner, p.W2, p.b2));
}

/**
 * Four dense DiT blocks (adaLN from a given condition), mean squared error to a fixed target, forward, backward and
 * AdamW: a fixed piece of work for timing engines side by side, 10.5 GFLOP a step.
 */
export class DenseStack {
  readonly #blocks: readonly Parameters[];
  readonly #inputs: readonly Tensor[];
  readonly #control: AdamwControl;
  readonly #states: readonly AdamwState[];

  /** Puts parameters, moments and inputs on a device. */
  constructor(device: Device) {
    const { blocks, x, c, y } = denseStackValues();
    const place = ({ shape, data }: HostTensor) => device.persistent(f32(...shape), data);
    this.#blocks = blocks.map((block) =>
      Object.fromEntries(
        NAMES.map((name) => [name, place(name.startsWith("W") ? transposed(block[name]) : block[name])]),
      ) as Parameters
    );
    this.#inputs = [x, c, y].map(place);
    const { rate } = DENSE_STACK_ADAMW;
    this.#control = {
      hyper: device.persistent(f32(1), Float32Array.of(rate)),
      gate: device.persistent(f32(1), Float32Array.of(1)),
    };
    this.#states = this.#blocks.flatMap((block) =>
      Object.values(block).map((param) => stateOf(device, param))
    );
  }

  /** Takes one step, or records it: every run is one update. Returns the loss before it, `f32[]`. */
  step(): { readonly loss: Tensor } {
    const { beta1, beta2, eps, weightDecay } = DENSE_STACK_ADAMW;
    const parameters = this.#states.map(({ param }) => param);
    const { loss, gradients } = valueAndGradients(parameters, () => this.#loss());
    this.#states.forEach((state, i) =>
      adamw(state, gradients[i]!, this.#control, { beta1, beta2, eps, weightDecay })
    );
    return { loss };
  }

  #loss(): Tensor {
    const [x, c, y] = this.#inputs;
    return mse(this.#blocks.reduce((out, block) => forwardBlock(out, c, block), x), y);
  }
}

function stateOf(device: Device, param: Tensor): AdamwState {
  const zeros = () => device.persistent(param.spec, new Float32Array(param.size));
  const steps = device.persistent(u32(1), new Uint32Array(1));
  const correction = device.persistent(f32(1, 2), new Float32Array(2));
  return { param, m: zeros(), v: zeros(), steps, correction };
}
