import type { ParamStore } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Objective } from "./diffusion/objective.ts";
import type { Routing } from "./moe/sparse_moe.ts";

/** Sees intermediate tensors by name (`hidden.0`, `x_embedded`), for tests and probes. */
export type Probe = (name: string, tensor: Tensor) => void;

/** What a network needs beside its inputs while it is being trained; absent when sampling. */
export interface TrainingContext {
  /** `u32[3]`: seed low, seed high, step; dropout masks are drawn from it. */
  readonly random: Tensor;
  /** First of the generator's streams that the network may use. */
  readonly stream: number;
  /** Whether blocks run again in the backward pass, so that their activations need not be kept; see `runBlock`. */
  readonly recompute?: boolean;
}

/** What a network gives. */
export interface ModelOutput {
  /** `f32[B, C', H, W]`: what the network's objective reads a velocity from. */
  readonly out: Tensor;
  /** How every routed layer routed its tokens, in order. */
  readonly routings: readonly Routing[];
  /** A term of its own that training adds to the loss, `f32[]`: balancing, capacity prediction. */
  readonly auxiliary?: Tensor;
}

/** The fields that every network's `model` section has. */
export interface BaseModelConfig {
  /** Height and width of the input, in latent or image pixels. */
  readonly input_size: number;
  /** Side of a square patch; a patch is a token. */
  readonly patch_size: number;
  /** Channels of the input. */
  readonly in_channels: number;
  /** Classes, without the null class. */
  readonly num_classes: number;
  /** Probability of training on the null class. */
  readonly class_dropout_prob: number;
}

/** A network that training, sampling and checkpoints can use without knowing which it is. */
export interface DiffusionModel {
  /** What it was made from; families add sections of their own. */
  readonly config: { readonly family: string; readonly model: BaseModelConfig };
  /** All parameters, declared; they have memory after `params.allocate`. */
  readonly params: ParamStore;
  /** What the network predicts, and from where to where. */
  readonly objective: Objective;
  /**
   * Whether what an image gets depends on the others of its batch. The conditional and the unconditional pass of a
   * guided sampler are then run apart.
   */
  readonly couplesBatch?: boolean;

  /**
   * Runs the network.
   *
   * @param x noisy images, `f32[B, C, H, W]`
   * @param t times in [0, 1], 0 being noise, `f32[B]`
   * @param y labels, `i32[B]`, `num_classes` being the null class
   */
  forward(x: Tensor, t: Tensor, y: Tensor, probe?: Probe, training?: TrainingContext): ModelOutput;
}
