import { differentiate } from "../engine/autodiff/backward.ts";
import { seedWords } from "../engine/core/random.ts";
import { f32, i32, u32 } from "../engine/core/spec.ts";
import type { Device } from "../engine/device/device.ts";
import type { Parameter, ParamStore } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { add, addCounts, dropLabel, scale } from "../kernels/elementwise/mod.ts";
import { GRADIENT_OPS } from "../kernels/grad.ts";
import { logRow } from "../kernels/metrics/mod.ts";
import { updateBalanceBias } from "../kernels/moe/balance/mod.ts";
import { randomNormal, randomUniform } from "../kernels/random/mod.ts";
import { reshape } from "../kernels/reshape/mod.ts";
import { halfWeights } from "../models/layers/precision.ts";
import type { DiffusionModel } from "../models/model.ts";
import { moveBuffers } from "../models/moe/moving_buffer.ts";
import type { Routing } from "../models/moe/sparse_moe.ts";
import type { TrainConfig } from "./config.ts";
import { LossScale } from "./loss_scale.ts";
import { AdamW, weightDecayGroups } from "./optimizer.ts";
import { requirePrecision } from "./precision.ts";
import { STREAM, STREAMS } from "./streams.ts";

/** Images and labels of one forward pass, in host memory. */
export interface HostBatch {
  /** Pixels in [-1, 1], `f32[B, C, H, W]`. */
  readonly x: Float32Array<ArrayBuffer>;
  /** Labels, `i32[B]`. */
  readonly y: Int32Array<ArrayBuffer>;
}

/** A MoE layer: its path, and how many experts it routes to. */
export interface RoutedLayer {
  /** As in `blocks.1.mlp`. */
  readonly path: string;
  /** Number of experts. */
  readonly experts: number;
}

interface MicroBatch {
  readonly x: Tensor;
  readonly y: Tensor;
}

interface MicroResult {
  readonly loss: Tensor;
  /** Sums over this and all earlier micro-batches, so that one set of gradients is all there ever is. */
  readonly gradients: readonly (Tensor | null)[];
  readonly routings: readonly Routing[];
}

/**
 * One optimizer step as tensors: forward, backward, clip, AdamW, balance rule, EMA, metrics. `body` is run eagerly,
 * or recorded once and replayed; nothing in it reads back to the host.
 */
export class TrainStep {
  /** AdamW and EMA of the model. */
  readonly optimizer: AdamW;
  /**
   * Rows of `[loss, gradient norm, tokens of every expert of every MoE layer...]`, one a step; the last column is the
   * scale of the loss where there is one.
   */
  readonly ring: Tensor;
  /** The MoE layers, in the ring's order. */
  readonly routed: readonly RoutedLayer[];
  readonly #batches: readonly MicroBatch[];
  readonly #random: Tensor;
  readonly #rate: Tensor;
  readonly #dropProbability: Tensor;
  readonly #nullClass: Tensor;
  readonly #lossScale: LossScale | undefined;

  /**
   * Allocates the optimizer and the inputs of a step; the parameters must be in memory.
   *
   * @throws {ConfigError} when the configuration asks for a precision that the device does not have
   */
  constructor(
    private readonly device: Device,
    private readonly model: DiffusionModel,
    private readonly config: TrainConfig,
    /** Steps that the ring remembers. */
    readonly capacity: number,
  ) {
    const { optim, train } = config;
    requirePrecision(device.backend, train.precision);
    if (train.precision === "f16") this.#lossScale = new LossScale(device);
    this.optimizer = new AdamW(device, model.params, {
      beta1: optim.beta1,
      beta2: optim.beta2,
      eps: optim.eps,
      weightDecay: optim.weight_decay_groups ? weightDecayGroups(optim.weight_decay) : optim.weight_decay,
      emaDecay: optim.ema_decay > 0 ? optim.ema_decay : null,
      emaDecay2: optim.ema_decay2 > 0 ? optim.ema_decay2 : null,
      emaBuffers: optim.ema_buffers,
      clipNorm: optim.clip_grad_norm > 0 ? optim.clip_grad_norm : null,
      lossScale: this.#lossScale,
    });
    const { in_channels: channels, input_size: size, class_dropout_prob, num_classes } = config.model;
    this.#batches = Array.from({ length: optim.accumulation }, () => ({
      x: device.persistent(f32(train.batch_size, channels, size, size)),
      y: device.persistent(i32(train.batch_size)),
    }));
    this.routed = routedLayers(model.params);
    const columns = this.routed.reduce((sum, { experts }) => sum + experts, this.#lossScale ? 3 : 2);
    this.ring = device.persistent(f32(capacity, columns), new Float32Array(capacity * columns));
    this.#random = device.persistent(u32(3));
    this.#rate = device.persistent(f32(1));
    this.#dropProbability = device.persistent(f32(1), Float32Array.of(class_dropout_prob));
    this.#nullClass = device.persistent(i32(1), Int32Array.of(num_classes));
  }

  /** Writes what changes from step to step: images, labels, seed, step number and learning rate. */
  write(step: number, rate: number, batches: readonly HostBatch[]): void {
    const [low, high] = seedWords(this.config.train.seed);
    this.#random.write(Uint32Array.of(low, high, step));
    this.#rate.write(Float32Array.of(rate));
    batches.forEach(({ x, y }, i) => {
      this.#batches[i].x.write(x);
      this.#batches[i].y.write(y);
    });
  }

  /** The step itself. Returns the loss, `f32[]`. */
  body(): { loss: Tensor } {
    const weights = this.#lossScale ? halfWeights(this.model.params) : new Map<Parameter, Tensor>();
    const results: MicroResult[] = [];
    this.#batches.forEach((batch, i) =>
      results.push(this.#forwardBackward(batch, i, weights, results.at(-1)?.gradients))
    );
    const { length } = results;
    const mean = (sum: Tensor) => length === 1 ? sum : scale(sum, 1 / length);
    const loss = mean(results.map((result) => result.loss).reduce((sum, part) => add(sum, part)));
    const gradients = results[length - 1].gradients.map((sum) => sum && mean(sum));
    const routings = this.device.at("routing", () => totalRoutings(results.map(({ routings }) => routings)));
    this.device.at("optimizer", () => this.#update(loss, gradients, routings));
    return { loss };
  }

  /** The forward and the backward pass with some weights in place of the parameters' own. */
  #forwardBackward(
    { x, y }: MicroBatch,
    index: number,
    weights: ReadonlyMap<Parameter, Tensor>,
    earlier: readonly (Tensor | null)[] = [],
  ): MicroResult {
    const stream = (name: keyof typeof STREAM) => STREAM[name] + STREAMS * index;
    const noise = randomNormal(this.#random, x.shape, stream("noise"));
    const t = this.model.objective.times({
      uniform: () => randomUniform(this.#random, y.shape, stream("time")),
      normal: () => randomNormal(this.#random, y.shape, stream("time")),
    });
    const drop = randomUniform(this.#random, y.shape, stream("labelDrop"));
    const label = dropLabel(y, drop, this.#dropProbability, this.#nullClass);
    const { objective, params } = this.model;
    const watched = params.trainable.map((parameter) => weights.get(parameter) ?? parameter.tensor);
    const differentiated = () =>
      differentiate(GRADIENT_OPS, watched, () => {
        const batch = { x, noise, t };
        const z = objective.pathPoint(batch);
        const { recompute } = this.config.train;
        const training = { random: this.#random, stream: stream("dropout"), recompute };
        const { out, routings, auxiliary } = this.model.forward(z, t, label, undefined, training);
        return this.device.at("loss", () => {
          const loss = objective.loss(out, z, batch);
          const root = auxiliary ? add(loss, auxiliary) : loss;
          return { value: { loss, routings }, root, upstream: this.#lossScale?.scale };
        });
      }, earlier);
    const { value, gradients } = params.substitute(weights, differentiated);
    return { ...value, gradients };
  }

  #update(loss: Tensor, gradients: readonly (Tensor | null)[], routings: readonly Routing[]): void {
    // The optimizer moves the scale.
    if (this.#lossScale) {
      logRow(this.ring, this.#random, this.ring.shape[1] - 1, reshape(this.#lossScale.scale, [1]));
    }
    const { gradNorm, gate, counts } = this.optimizer.step(gradients, loss, this.#rate, routings);
    const rate = balanceRateOf(this.config);
    for (const { path, bias, counts: tokens } of routings) {
      if (bias && rate > 0) this.device.at(path, () => updateBalanceBias(bias, tokens, gate, rate));
    }
    moveBuffers(routings, gate);
    this.optimizer.averageBuffers(gate);
    logRow(this.ring, this.#random, 0, reshape(loss, [1]));
    logRow(this.ring, this.#random, 1, gradNorm);
    if (counts) logRow(this.ring, this.#random, 2, counts);
  }
}

/** Step of the balance bias; 0 for a model that has none. */
function balanceRateOf(config: TrainConfig): number {
  const { moe } = config as { readonly moe?: { readonly balance_rate?: number } };
  return moe?.balance_rate ?? 0;
}

/** The layers whose experts train only with their tokens, in order of declaration. */
function routedLayers(params: ParamStore): RoutedLayer[] {
  const layers = new Map<string, number>();
  for (const { options } of params.all) {
    if (options.routedBy !== undefined) layers.set(options.routedBy, options.experts!);
  }
  return [...layers].map(([path, experts]) => ({ path, experts }));
}

/** The routing of an update: every layer's token counts, added up over the micro-batches, and all buffers' moves. */
function totalRoutings(batches: readonly (readonly Routing[])[]): Routing[] {
  return batches[0].map((routing, layer) => ({
    ...routing,
    counts: batches.map((routings) => routings[layer].counts).reduce((sum, counts) => addCounts(sum, counts)),
    moving: routing.moving && {
      ...routing.moving,
      values: batches.flatMap((routings) => routings[layer].moving!.values),
    },
  }));
}
