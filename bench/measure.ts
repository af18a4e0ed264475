import type { HostArray } from "../engine/core/dtype.ts";
import type { Spec } from "../engine/core/spec.ts";
import type { Device } from "../engine/device/device.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import type { Program } from "../engine/program/program.ts";
import type { Tensor } from "../engine/tensor.ts";

/** What to time. */
export interface Workload {
  /** The kernel. */
  readonly kernel: AnyKernel;
  /** Specs of its inputs. */
  readonly inputs: readonly Spec[];
  /** Values of its inputs. */
  readonly values: readonly HostArray[];
  /** Its attributes. */
  readonly attrs: unknown;
}

/** One call, timed. */
export interface Timing {
  /** Median over the rounds, of one call. */
  readonly microseconds: number;
  /** Calls of one submit. */
  readonly repeats: number;
  /** GPU timestamps around each call, or the host's clock around the submit. */
  readonly clock: "timestamps" | "wall";
}

const MOST_REPEATS = 1000;
/** Calls of a round that is timed by timestamps: each needs a pass of its own. */
const MOST_TIMESTAMPS = 100;
/** Milliseconds after which no further round is begun: one slow call is not worth waiting for many times. */
const PATIENCE = 1000;

/**
 * Times a call: as many in one submit as fill about `budget` milliseconds, after a warm-up; the median of the rounds.
 * The same inputs are read every time, so that small ones stay in the processor's cache.
 *
 * @param budget milliseconds of a round
 */
export async function timeWorkload(
  device: Device,
  workload: Workload,
  budget: number,
  rounds: number,
): Promise<Timing> {
  using _scope = device.scope();
  const tensors = workload.inputs.map((spec, i) => device.tensor(spec.shape, workload.values[i]));
  using once = await record(device, workload, tensors, 1);
  await elapsed(device, once);
  const estimate = await elapsed(device, once) - await idleTime(device);
  const wanted = Math.ceil(budget / Math.max(estimate, 1e-3));
  const most = device.backend.profile ? MOST_TIMESTAMPS : MOST_REPEATS;
  const repeats = Math.min(most, Math.max(1, wanted));
  using program = await record(device, workload, tensors, repeats);
  await elapsed(device, program);
  const times: number[] = [];
  const start = performance.now();
  for (let round = 0; round < rounds && (round === 0 || performance.now() - start < PATIENCE); round++) {
    if (device.backend.profile) times.push(...await device.backend.profile(program.bound));
    else times.push(1000 * await elapsed(device, program) / repeats);
  }
  return { microseconds: median(times), repeats, clock: device.backend.profile ? "timestamps" : "wall" };
}

/** The middle value; the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function record(
  device: Device,
  { kernel, attrs }: Workload,
  tensors: Tensor[],
  repeats: number,
): Promise<Program> {
  return device.record(kernel.name, () => {
    for (let i = 0; i < repeats; i++) device.execute(kernel, tensors, attrs);
    return {};
  });
}

/** Milliseconds until a run is done. */
async function elapsed(device: Device, program: Program): Promise<number> {
  const start = performance.now();
  program.run();
  await device.finish();
  return performance.now() - start;
}

/** Milliseconds of waiting for nothing: on WebGPU the runtime polls the queue. */
async function idleTime(device: Device): Promise<number> {
  const start = performance.now();
  await device.finish();
  return performance.now() - start;
}
