import { Philox } from "../engine/core/random.ts";
import { sizeOf } from "../engine/core/shape.ts";
import { f32, type Spec, u32 } from "../engine/core/spec.ts";
import type { Device } from "../engine/device/device.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { ParamStore } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { adamw } from "../kernels/adamw/mod.ts";
import { attention } from "../kernels/attention/mod.ts";
import { valueAndGradients } from "../kernels/grad.ts";
import { MATMUL } from "../kernels/matmul/mod.ts";
import { sum } from "../kernels/reduce/mod.ts";
import { ropeTable2d } from "../kernels/rope/mod.ts";
import { mul } from "../kernels/elementwise/mod.ts";
import { type MoeConfig, SparseMoe } from "../models/moe/sparse_moe.ts";
import type { TrainConfig } from "../train/config.ts";
import { TrainStep } from "../train/step.ts";
import { createModel } from "../models/create.ts";
import type { Job } from "./contender.ts";
import type { HeadSizes, ProductSizes } from "./peers/peer.ts";

const SEED = 1;

function normals(device: Device, specs: readonly Spec[]): Tensor[] {
  return specs.map((spec, i) => device.persistent(spec, new Philox(SEED, i).normals(sizeOf(spec.shape))));
}

/** One kernel on normal random numbers. */
export function kernelJob(
  name: string,
  kernel: AnyKernel,
  inputs: readonly Spec[],
  attrs: unknown = {},
): Job {
  return {
    name,
    open(device) {
      const tensors = normals(device, inputs);
      return () => device.execute(kernel, tensors, attrs);
    },
  };
}

/** As in `1024x384x1536 NT`: rows, columns, length of the sums. */
export function productName({ m, n, k, transA, transB }: ProductSizes): string {
  return `${m}x${n}x${k} ${transA ? "T" : "N"}${transB ? "T" : "N"}`;
}

/** A product of matrices. */
export function productJob(sizes: ProductSizes): Job {
  const { m, n, k, transA, transB } = sizes;
  const inputs = [transA ? f32(k, m) : f32(m, k), transB ? f32(n, k) : f32(k, n)];
  return kernelJob(productName(sizes), MATMUL, inputs, { transA, transB });
}

/** Attention with rotary positions as the models call it; forward, or forward and backward. */
export function attentionJob(sizes: HeadSizes, backward: boolean): Job {
  const { batch, heads, tokens, headDim } = sizes;
  const side = Math.sqrt(tokens);
  return {
    name: `${batch}x${tokens}x${heads}x${headDim}${backward ? " with gradients" : ""}`,
    open(device) {
      const [qkv, upstream] = normals(device, [
        f32(batch, tokens, 3, heads, headDim),
        f32(batch, tokens, heads, headDim),
      ]);
      const table = device.constant(
        `bench rope ${side} ${headDim}`,
        () => ropeTable2d(side, side, headDim),
      );
      const rope = { table, rotation: { pairing: "half", block: headDim / 2 } } as const;
      const forward = () => attention({ qkv }, { rope });
      const both = () => valueAndGradients([qkv], () => sum(mul(forward(), upstream)));
      return backward ? both : forward;
    },
  };
}

/** A MoE layer, forward and backward. */
export function moeJob(name: string, tokens: number, hidden: number, config: MoeConfig): Job {
  return {
    name,
    open(device) {
      const params = new ParamStore();
      const layer = new SparseMoe(params.root.sub("moe"), hidden, config);
      params.allocate(device);
      params.initialize(SEED);
      const [x, upstream] = normals(device, [f32(tokens, hidden), f32(tokens, hidden)]);
      const watched = [x, ...params.trainable.map((parameter) => parameter.tensor)];
      return () => valueAndGradients(watched, () => sum(mul(layer.forward(x).out, upstream)));
    },
  };
}

/** One fused AdamW and EMA update of `size` parameters. */
export function adamwJob(size: number): Job {
  return {
    name: `adamw and ema of ${size}`,
    open(device) {
      const [param, m, ema, grad] = normals(device, [f32(size), f32(size), f32(size), f32(size)]);
      const v = device.persistent(f32(size), new Float32Array(size).fill(1));
      const steps = device.persistent(u32(1), new Uint32Array(1));
      const correction = device.persistent(f32(1, 2), new Float32Array(2));
      const hyper = device.persistent(f32(1), Float32Array.of(1e-4));
      const gate = device.persistent(f32(1), Float32Array.of(1));
      const settings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, emaDecay: 0.9999 };
      const state = { param, m, v, ema, steps, correction };
      return () => adamw(state, grad, { hyper, gate }, settings);
    },
  };
}

/** A whole training step of a configuration: noise, forward, backward, clip, AdamW, EMA, balance, metrics. */
export function stepJob(name: string, config: TrainConfig): Job {
  return {
    name,
    open(device) {
      const model = createModel(config);
      model.params.allocate(device);
      model.params.initialize(config.train.seed);
      const step = new TrainStep(device, model, config, 1);
      const { in_channels: channels, input_size: size } = config.model;
      const batch = config.train.batch_size;
      const x = new Philox(SEED, 0).normals(batch * channels * size * size);
      step.write(0, config.optim.lr, [{ x, y: new Int32Array(batch) }]);
      return () => step.body();
    },
  };
}
