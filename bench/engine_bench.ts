import { f32 } from "../engine/core/spec.ts";
import { CpuBackend } from "../engine/device/cpu/cpu_backend.ts";
import { Device } from "../engine/device/device.ts";
import { type Contender, DeviceContender, interleave, type Job, medianOf, type Rounds } from "./contender.ts";
import type { Entry, Group } from "./groups.ts";
import { kernelJob } from "./jobs.ts";
import { TILE_COLUMNS, TILE_ROWS } from "../kernels/matmul/cpu_tile.ts";
import { FMA_PEAK, TILE_DEPTH, TILE_PEAK } from "./peak.ts";
import type { Peer } from "./peers/peer.ts";

/** What a number of threads reached. */
export interface ThreadResult {
  /** Threads, the main one included. */
  readonly threads: number;
  /** Median of one time, in milliseconds. */
  readonly milliseconds: number;
  /** 10^9 floating-point operations a second, by the kernels' cost rules. */
  readonly gflops: number;
  /** The FMA peak of as many threads, in 10^9 operations a second: the best round. */
  readonly peak: number;
  /** What the 5x8 tile reaches on panels in the first-level cache, in 10^9 operations a second: the best round. */
  readonly tilePeak: number;
}

/** One line of a table. */
export interface LineResult {
  /** The work. */
  readonly name: string;
  /** Floating-point operations of one time. */
  readonly flops: number;
  /** Elements, where their time counts. */
  readonly elements?: number;
  /** One a number of threads. */
  readonly threads: readonly ThreadResult[];
  /** Median milliseconds of each peer by name. */
  readonly peers: Readonly<Record<string, number>>;
}

/** How to run groups. */
export interface EngineBenchOptions {
  /** Numbers of threads to time. */
  readonly threads: readonly number[];
  /** Engines to time alongside. */
  readonly peers: readonly Peer[];
  /** Rounds of a line. */
  readonly rounds: number;
  /** Milliseconds of a round of one contender, where a single time is not longer. */
  readonly budget: number;
  /** Given every result when it is there. */
  readonly onLine?: (line: LineResult) => void;
}

/** Milliseconds of a round beyond which a contender takes part in every second round only. */
const PATIENCE = 1500;
const PEAK_BUDGET = 10;
const STARTUP_STEP = 5;
const STARTUP_STEPS = 400;

const fmaJob = (items: number): Job => kernelJob("fma_peak", FMA_PEAK, [f32(2)], { items });
const tileJob = (items: number): Job =>
  kernelJob("tile_peak", TILE_PEAK, [f32(TILE_DEPTH, TILE_ROWS), f32(TILE_DEPTH, TILE_COLUMNS)], { items });

/** A device with its workers started, which an ordinary device does not wait for. */
async function openPooled(threads: number): Promise<Device> {
  const backend = new CpuBackend({ threads });
  for (let step = 0; step < STARTUP_STEPS && !backend.started; step++) {
    await new Promise((resolve) => setTimeout(resolve, STARTUP_STEP));
  }
  return new Device(backend);
}

const label = (threads: number): string => `${threads} thread${threads === 1 ? "" : "s"}`;

/** Times every entry of a group: on every number of threads, with both peaks, and on the peers. */
export async function benchGroup(group: Group, options: EngineBenchOptions): Promise<LineResult[]> {
  const lines: LineResult[] = [];
  for (const entry of group.entries()) {
    const line = await benchEntry(entry, options);
    lines.push(line);
    options.onLine?.(line);
  }
  return lines;
}

async function benchEntry(entry: Entry, options: EngineBenchOptions): Promise<LineResult> {
  const { threads, peers, rounds, budget } = options;
  using stack = new DisposableStack();
  const contenders: Contender[] = [];
  const flops = new Map<string, number>();
  for (const count of threads) {
    const device = stack.use(await openPooled(count));
    const add = async (job: Job, suffix: string, milliseconds: number) => {
      const contender = await DeviceContender.open(label(count) + suffix, device, job, milliseconds);
      flops.set(contender.name, contender.flops);
      contenders.push(stack.use(contender));
    };
    await add(entry.job, "", budget);
    await add(fmaJob(count), " fma", PEAK_BUDGET);
    await add(tileJob(count), " tile", PEAK_BUDGET);
  }
  const others = entry.peer ? peers.map((peer) => stack.use(entry.peer!(peer))) : [];
  for (const other of others) await other.round();
  const measured = await interleave([...contenders, ...others], rounds, PATIENCE);
  return lineOf(entry, threads, flops, measured, others.map(({ name }) => name));
}

function lineOf(
  { job, elements }: Entry,
  threads: readonly number[],
  flops: ReadonlyMap<string, number>,
  measured: Rounds,
  peers: readonly string[],
): LineResult {
  const gflops = (name: string, milliseconds: number) => flops.get(name)! / milliseconds / 1e6;
  // What the hardware can do is what it did in its best round.
  const peak = (name: string) => gflops(name, Math.min(...measured[name]));
  return {
    name: job.name,
    flops: flops.get(label(threads[0]))!,
    elements,
    threads: threads.map((count) => {
      const name = label(count);
      return {
        threads: count,
        milliseconds: medianOf(measured, name),
        gflops: gflops(name, medianOf(measured, name)),
        peak: peak(`${name} fma`),
        tilePeak: peak(`${name} tile`),
      };
    }),
    peers: Object.fromEntries(peers.map((name) => [name, medianOf(measured, name)])),
  };
}
