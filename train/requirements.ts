import { DeviceError } from "../engine/core/errors.ts";
import { byteLength, formatSpec } from "../engine/core/spec.ts";
import type { BackendLimits } from "../engine/device/backend.ts";
import type { Device } from "../engine/device/device.ts";
import { DEFAULT_LIMITS, type NullBackendOptions } from "../engine/device/null_backend.ts";
import type { TrainConfig } from "./config.ts";
import { binaryBytes } from "./table.ts";
import { planTraining, type TrainingMemory, type TrainingPlan } from "./training_plan.ts";

/** The least that every WebGPU adapter has. */
export const LEAST_LIMITS: BackendLimits = { ...DEFAULT_LIMITS, maxBufferSize: 2 ** 28 };

/** Which plan fits a device; undefined for the reference device, which nobody trains on. */
function planOptions({ kind, backend: { limits } }: Device): NullBackendOptions | undefined {
  return kind === "reference" ? undefined : { kind, limits };
}

/**
 * Makes sure that a device can hold and bind every tensor of a training run, before anything is allocated. Whether
 * its memory is large enough in all, WebGPU does not say.
 *
 * @throws {DeviceError} naming the tensor that is too large, the limit, and the batch that fits
 */
export async function requireFit(config: TrainConfig, device: Device): Promise<void> {
  const { limits } = device.backend;
  if (!limits) return;
  const problem = await limitProblem(config, await planTraining(config, { kind: "webgpu", limits }), limits);
  if (problem) throw new DeviceError(`Cannot train on this adapter: ${problem}`);
}

/** What of a plan exceeds the limits of an adapter, and which batch does not; undefined where nothing does. */
export async function limitProblem(
  config: TrainConfig,
  plan: TrainingPlan,
  limits: BackendLimits,
): Promise<string | undefined> {
  const problem = tooLarge(plan, limits);
  if (!problem) return undefined;
  const { batch_size: batch } = config.train;
  const fitting = await largestBatch(config, plan, limits);
  const advice = fitting > 0
    ? `--batch ${fitting} fits, and --optim.accumulation keeps the update as large`
    : "no batch fits, a smaller model or another adapter is wanted";
  return `with batch ${batch} ${problem}; ${advice}`;
}

function tooLarge({ oversized: [operand], largestBuffer }: TrainingPlan, limits: BackendLimits) {
  const { maxStorageBufferBindingSize: binding, maxBufferSize: buffer } = limits;
  if (operand) {
    const { kernel, path, spec } = operand;
    const where = path === "" ? kernel : `${kernel} in "${path}"`;
    return `${where} takes ${formatSpec(spec)} of ${
      byteLength(spec)
    } bytes in one piece, and one binding holds at ` +
      `most ${binding} (maxStorageBufferBindingSize)`;
  }
  if (largestBuffer <= buffer) return undefined;
  return `a buffer of ${largestBuffer} bytes is needed, and the largest has ${buffer} (maxBufferSize)`;
}

/** The largest batch that fits, below one that does not; 0 where there is none. */
async function largestBatch(config: TrainConfig, plan: TrainingPlan, limits: BackendLimits): Promise<number> {
  let [fits, fails, over] = [0, config.train.batch_size, excess(plan, limits)];
  while (fails - fits > 1) {
    // Sizes grow a little less than the batch does, so that this comes down to the answer from above.
    const guess = fits > 0 ? Math.floor((fits + fails) / 2) : Math.floor(fails / over);
    const middle = Math.min(Math.max(guess, fits + 1), fails - 1);
    const smaller = await planTraining(withBatch(config, middle), { kind: "webgpu", limits });
    const still = excess(smaller, limits);
    if (still > 1) [fails, over] = [middle, still];
    else fits = middle;
  }
  return fits;
}

/** By which factor the plan is too large for the limits; at most 1 where it fits. */
function excess({ oversized: [operand], largestBuffer }: TrainingPlan, limits: BackendLimits): number {
  const bound = operand ? byteLength(operand.spec) / limits.maxStorageBufferBindingSize : 0;
  return Math.max(bound, largestBuffer / limits.maxBufferSize);
}

/** What a training run takes of a device, a line a topic; none for the reference device. */
export async function describeRequirements(config: TrainConfig, device: Device): Promise<string[]> {
  const options = planOptions(device);
  if (!options) return [];
  const { memory, largestBuffer } = await planTraining(config, options);
  const { weights, gradients, moments, ema, activations } = memory;
  const lasting = binaryBytes(weights + gradients + moments + ema);
  const { batch_size: batch, recompute } = config.train;
  const again = recompute
    ? undefined
    : (await planTraining(withRecompute(config), options)).memory.activations;
  const lines = [
    `memory: ${binaryBytes(memory.total)} planned, ${lasting} of weights, gradients, moments and averages, ` +
    `${binaryBytes(activations)} of activations at batch ${batch}` +
    (again === undefined ? "" : ` (${binaryBytes(again)} with --recompute)`),
  ];
  const { limits } = device.backend;
  if (limits) {
    lines.push(
      `adapter: the largest buffer takes ${binaryBytes(largestBuffer)} of ${
        binaryBytes(limits.maxBufferSize)
      }, ` +
        `bound ${
          binaryBytes(limits.maxStorageBufferBindingSize)
        } at a time; WebGPU does not say how much memory there is`,
    );
  }
  return lines;
}

/** Adds to an error that memory ran out what the run takes, and what takes less. Leaves other errors as they are. */
export async function explainOutOfMemory(error: unknown, config: TrainConfig, device: Device): Promise<void> {
  const options = planOptions(device);
  if (!options || !(error instanceof DeviceError) || !/out of memory|^Cannot allocate/.test(error.message)) {
    return;
  }
  const { train: { batch_size: batch, recompute } } = config;
  const total = async (other: TrainConfig) => binaryBytes((await planTraining(other, options)).memory.total);
  const less = [
    ...(recompute ? [] : [`--recompute takes ${await total(withRecompute(config))}`]),
    ...(batch > 1 ? [`--batch ${batch >> 1} takes ${await total(withBatch(config, batch >> 1))}`] : []),
  ];
  error.message += `; the run takes ${await total(config)} in all${
    less.map((option) => `, ${option}`).join("")
  }`;
}

function withBatch(config: TrainConfig, batch: number): TrainConfig {
  return { ...config, train: { ...config.train, batch_size: batch } };
}

function withRecompute(config: TrainConfig): TrainConfig {
  return { ...config, train: { ...config.train, recompute: true } };
}

/** What a step has to keep at once: weights, gradients, moments, averages, and activations for the backward pass. */
export function unavoidable({ weights, gradients, moments, ema, kept }: TrainingMemory): number {
  return weights + gradients + moments + ema + kept;
}
