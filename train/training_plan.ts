import { byteLength, f32, i32, type Spec } from "../engine/core/spec.ts";
import { Device } from "../engine/device/device.ts";
import { NullBackend, type NullBackendOptions, type Oversized } from "../engine/device/null_backend.ts";
import type { Cost } from "../engine/kernel.ts";
import type { Program } from "../engine/program/program.ts";
import { createModel } from "../models/create.ts";
import type { DiffusionModel } from "../models/model.ts";
import type { TrainConfig } from "./config.ts";
import { TrainStep } from "./step.ts";

/** Device memory of a training run by part, in bytes. */
export interface TrainingMemory {
  /** Parameters and buffers. */
  readonly weights: number;
  /** All gradients. */
  readonly gradients: number;
  /** First and second moments of AdamW. */
  readonly moments: number;
  /** Averaged weights and buffers. */
  readonly ema: number;
  /** The planned buffers: activations for the backward pass and scratch. */
  readonly activations: number;
  /** Most activations that wait for the backward pass at once; one block's own among them where blocks run again. */
  readonly kept: number;
  /** Batch, tables, metrics and the optimizer's counters. */
  readonly other: number;
  /** The sum of all parts; `kept` is within `activations`. */
  readonly total: number;
}

/** A training step that was recorded without memory. */
export interface TrainingPlan {
  /** Work of one forward pass of a batch, from the kernels' own rules; padding of the experts' tiles included. */
  readonly forward: Cost;
  /** Work of one optimizer step. */
  readonly step: Cost;
  /** Images that one step sees. */
  readonly images: number;
  /** Kernel calls of one step. */
  readonly calls: number;
  /** Device launches of one step. */
  readonly launches: number;
  /** Device memory by part. */
  readonly memory: TrainingMemory;
  /** Bytes of the largest buffer; adapters have a limit on it. */
  readonly largestBuffer: number;
  /** What kernels would bind in one piece and cannot at the limits planned for, each shape once, the largest first. */
  readonly oversized: readonly Oversized[];
}

/**
 * Records a forward pass and a training step of any size, with nothing behind the buffers, and plans their memory.
 *
 * @param options the device to plan for
 * @throws {ConfigError} when the configuration is not valid
 */
export async function planTraining(
  config: TrainConfig,
  options: NullBackendOptions = {},
): Promise<TrainingPlan> {
  const { batch_size: batch } = config.train;
  const backend = new NullBackend(options);
  using device = new Device(backend);
  const model = createModel(config);
  model.params.allocate(device);
  const step = new TrainStep(device, model, config, config.train.log_every);
  using program = await device.record("train step", () => step.body());
  const memory = memoryOf(model, step, program, device.memory().live);
  const { largest, oversized } = backend;
  using forward = await device.record("forward", () => {
    const { in_channels: channels, input_size: size } = config.model;
    const [x, t, y] = [f32(batch, channels, size, size), f32(batch), i32(batch)].map((spec) =>
      device.persistent(spec)
    );
    return { out: model.forward(x, t, y).out };
  });
  return {
    forward: forward.cost(),
    step: program.cost(),
    images: batch * config.optim.accumulation,
    calls: program.calls.length,
    launches: program.launches,
    memory,
    largestBuffer: largest,
    oversized,
  };
}

function memoryOf(
  { params }: DiffusionModel,
  { optimizer }: TrainStep,
  { plannedBytes: activations, keptBytes: kept }: Program,
  live: number,
): TrainingMemory {
  const bytes = (specs: Iterable<{ readonly spec: Spec }>) =>
    [...specs].reduce((sum, { spec }) => sum + byteLength(spec), 0);
  const weights = params.bytes;
  const gradients = optimizer.gradientBytes;
  const moments = bytes([...optimizer.states.values()].flatMap(({ m, v }) => [m, v]));
  const ema = bytes([...optimizer.ema.values(), ...optimizer.ema2.values()]);
  const other = live - weights - gradients - moments - ema - activations;
  return { weights, gradients, moments, ema, activations, kept, other, total: live };
}
