import { FAMILY_NAMES, type ModelConfig, validateModel } from "../models/create.ts";
import { wants } from "../models/fields.ts";
import { type Precision, PRECISIONS } from "../models/layers/precision.ts";
import { presetNamed } from "../models/presets.ts";
import type { ConfigSchema } from "./config_file.ts";

/** AdamW and EMA. */
export interface OptimConfig {
  /** Learning rate after the warm-up. */
  readonly lr: number;
  /** Where it is not 0, the rate is `base_lr * images of an update / 256`, whatever `lr` says. */
  readonly base_lr: number;
  /** What follows the warm-up: the same rate to the end, or half a cosine down to `min_lr`. */
  readonly lr_schedule: "constant" | "cosine";
  /** Rate at the end of the half-cosine. */
  readonly min_lr: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Decoupled decay: weights shrink by `lr * weight_decay` a step. */
  readonly weight_decay: number;
  /** Whether biases and other one-dimensional parameters are left out of the decay (behaviour 32). */
  readonly weight_decay_groups: boolean;
  /** Steps over which the rate rises linearly, the first one above 0; 0 for none. */
  readonly warmup_steps: number;
  /** The same in passes over the images, which may be fractions, from 0; not together with `warmup_steps`. */
  readonly warmup_epochs: number;
  /** Largest global gradient norm; 0 for no clipping. */
  readonly clip_grad_norm: number;
  /** Weight of the old average in EMA; 0 for no average. */
  readonly ema_decay: number;
  /** The same for a second average; 0 for none. */
  readonly ema_decay2: number;
  /** Whether buffers are averaged along with the parameters (behaviours 31 and 40). */
  readonly ema_buffers: boolean;
  /** Batches whose gradients are averaged into one update. */
  readonly accumulation: number;
}

/** Length, batch, and how often things are written. All intervals are in optimizer steps. */
export interface RunConfig {
  /** Optimizer steps in all. */
  readonly steps: number;
  /** Images of one forward pass; an update sees `batch_size * accumulation`. */
  readonly batch_size: number;
  /** Seed of initial weights, data order, noise, times and label dropout. */
  readonly seed: number;
  /** Steps between lines of metrics, and between readbacks. */
  readonly log_every: number;
  /** Steps between checkpoints. */
  readonly checkpoint_every: number;
  /** 0 for no preview grids. */
  readonly preview_every: number;
  /** Whether the backward pass runs each block again in place of keeping its activations: less memory, same result. */
  readonly recompute: boolean;
  /** `f16` computes in half precision with `f32` master weights, on a WebGPU device with `shader-f16`. */
  readonly precision: Precision;
}

/** Where the images come from. */
export interface DataConfig {
  /** `emoji`, or a folder with one subfolder of PNG files a class. */
  readonly source: string;
  /** Whether images are mirrored at random. */
  readonly flip: boolean;
}

/** The sections of a training configuration that are not the model's. */
export interface TrainSections {
  /** Optimizer and average. */
  readonly optim: OptimConfig;
  /** Length, batch, seed and intervals. */
  readonly train: RunConfig;
  /** The images. */
  readonly data: DataConfig;
}

/** Everything that decides a training run. Two runs with one configuration on one device are bit-equal. */
export type TrainConfig = ModelConfig & TrainSections;

/** The paper's recipe in latent space: AdamW at a constant 1e-4, no decay, no clipping, EMA 0.9999, batch 512. */
const LATENT: TrainSections = {
  optim: {
    lr: 1e-4,
    base_lr: 0,
    lr_schedule: "constant",
    min_lr: 0,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    weight_decay: 0,
    weight_decay_groups: false,
    warmup_steps: 0,
    warmup_epochs: 0,
    clip_grad_norm: 0,
    ema_decay: 0.9999,
    ema_decay2: 0,
    ema_buffers: true,
    accumulation: 1,
  },
  train: {
    steps: 700_000,
    batch_size: 512,
    seed: 0,
    log_every: 10,
    checkpoint_every: 5_000,
    preview_every: 5_000,
    recompute: false,
    precision: "f32",
  },
  data: { source: "emoji", flip: true },
};

/** Its recipe in pixel space (JiT, arXiv 2511.13720): rate by batch, warm-up of 5 epochs, two averages, 200 epochs. */
const PIXEL: TrainSections = {
  ...LATENT,
  optim: {
    ...LATENT.optim,
    base_lr: 5e-5,
    beta2: 0.95,
    weight_decay_groups: true,
    warmup_epochs: 5,
    ema_decay2: 0.9996,
    ema_buffers: false,
  },
  train: { ...LATENT.train, steps: 250_200, batch_size: 1024 },
};

/** Small images learn faster with a higher rate, and a short run needs a shorter average. */
function nano({ optim, train }: TrainSections, lr: number): TrainSections {
  return {
    optim: {
      ...optim,
      lr,
      base_lr: 0,
      warmup_steps: 20,
      warmup_epochs: 0,
      clip_grad_norm: 1,
      ema_decay: 0.98,
      ema_decay2: optim.ema_decay2 === 0 ? 0 : 0.95,
    },
    train: {
      ...train,
      steps: 2_000,
      batch_size: 16,
      log_every: 5,
      checkpoint_every: 100,
      preview_every: 500,
    },
    data: { source: "emoji", flip: false },
  };
}

/**
 * The full training configuration of a preset.
 *
 * @throws {ConfigError} for an unknown name
 */
export function trainConfigOf(preset: string): TrainConfig {
  const model = presetNamed(preset);
  const pixel = model.family.startsWith("jit");
  const recipe = pixel ? PIXEL : LATENT;
  return {
    ...model,
    ...(preset.toLowerCase().endsWith("-nano") ? nano(recipe, pixel ? 1e-3 : 2e-3) : recipe),
  };
}

/** A configuration with another number of classes, which comes from the images. */
export function withClasses(config: TrainConfig, classes: number): TrainConfig {
  // Every family's model section has this field, which a spread of the union cannot say.
  return { ...config, model: { ...config.model, num_classes: classes } } as TrainConfig;
}

/** What cannot be read off a default value: choices, whole numbers, fields that may be null. */
export const CONFIG_SCHEMA: ConfigSchema = {
  "family": { oneOf: FAMILY_NAMES },
  "model.input_size": { type: "integer" },
  "model.patch_size": { type: "integer" },
  "model.in_channels": { type: "integer" },
  "model.hidden_size": { type: "integer" },
  "model.depth": { type: "integer" },
  "model.num_heads": { type: "integer" },
  "model.head_dim": { type: "integer", nullable: true },
  "model.num_classes": { type: "integer" },
  "model.rope_type": { oneOf: ["none", "1d", "2d"] },
  "model.norm_type": { oneOf: ["layernorm", "rmsnorm"] },
  "model.sliding_window": { type: "integer" },
  "model.bottleneck_dim": { type: "integer" },
  "model.in_context_len": { type: "integer" },
  "model.in_context_start": { type: "integer" },
  "moe.num_experts": { type: "integer" },
  "moe.moe_intermediate_size": { type: "integer" },
  "moe.n_group": { type: "integer" },
  "moe.topk_group": { type: "integer" },
  "moe.num_experts_per_tok": { type: "integer" },
  "moe.skip_first2": { type: "integer" },
  "moe.n_shared_experts": { type: "integer" },
  "moe.capacity_schedule_stage_I_iters": { type: "integer" },
  "moe.capacity_schedule_stage_II_iters": { type: "integer" },
  "optim.lr_schedule": { oneOf: ["constant", "cosine"] },
  "optim.warmup_steps": { type: "integer" },
  "optim.accumulation": { type: "integer" },
  "train.steps": { type: "integer" },
  "train.batch_size": { type: "integer" },
  "train.seed": { type: "integer" },
  "train.log_every": { type: "integer" },
  "train.checkpoint_every": { type: "integer" },
  "train.preview_every": { type: "integer" },
  "train.precision": { oneOf: PRECISIONS },
};

/**
 * Checks ranges and relations of all fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateTrainConfig(config: TrainConfig): void {
  validateModel(config);
  const { optim, train } = config;
  checkOptim(optim);
  for (const field of ["steps", "batch_size", "log_every", "checkpoint_every"] as const) {
    wants(whole(train[field], 1), `train.${field}`, train[field], "a whole number of at least 1");
  }
  for (const field of ["seed", "preview_every"] as const) {
    wants(whole(train[field], 0), `train.${field}`, train[field], "a whole number of at least 0");
  }
}

function checkOptim(optim: OptimConfig): void {
  for (const field of ["lr", "eps"] as const) {
    wants(optim[field] > 0, `optim.${field}`, optim[field], "more than 0");
  }
  for (const field of ["beta1", "beta2", "ema_decay", "ema_decay2"] as const) {
    wants(optim[field] >= 0 && optim[field] < 1, `optim.${field}`, optim[field], "at least 0 and below 1");
  }
  const atLeastZero = [
    "base_lr",
    "min_lr",
    "weight_decay",
    "warmup_steps",
    "warmup_epochs",
    "clip_grad_norm",
  ] as const;
  for (const field of atLeastZero) {
    wants(optim[field] >= 0, `optim.${field}`, optim[field], "0 or more");
  }
  wants(
    optim.warmup_steps === 0 || optim.warmup_epochs === 0,
    "optim.warmup_epochs",
    optim.warmup_epochs,
    `0, since optim.warmup_steps is ${optim.warmup_steps}`,
  );
  wants(
    optim.ema_decay > 0 || optim.ema_decay2 === 0,
    "optim.ema_decay2",
    optim.ema_decay2,
    "0, since optim.ema_decay is 0",
  );
  wants(
    whole(optim.accumulation, 1),
    "optim.accumulation",
    optim.accumulation,
    "a whole number of at least 1",
  );
}

function whole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}
