import type { Device } from "../engine/device/device.ts";
import type { Program } from "../engine/program/program.ts";
import { median } from "./measure.ts";

/** Something that can do a piece of work, and be timed at it. */
export interface Contender extends Disposable {
  /** As in `2 threads` or `jax-js`. */
  readonly name: string;
  /** Does the work a few times and gives the milliseconds of one time. */
  round(): Promise<number>;
}

/** One piece of work for this engine. */
export interface Job {
  /** As in `1024x384x1536 NT`. */
  readonly name: string;
  /** Puts what it reads into memory. Each call of the result executes, or records, the work once. */
  open(device: Device): () => void;
}

const MOST_REPEATS = 200;

/** A job recorded on a device, as often as fills `budget` milliseconds. */
export class DeviceContender implements Contender {
  private constructor(
    readonly name: string,
    private readonly device: Device,
    private readonly program: Program,
    private readonly repeats: number,
  ) {}

  /** Floating-point operations of one time, by the kernels' own cost rules. */
  get flops(): number {
    return this.program.cost().flops / this.repeats;
  }

  /** Records a job, after one run of it that compiles its kernels and tells how long it takes. */
  static async open(name: string, device: Device, job: Job, budget: number): Promise<DeviceContender> {
    const body = job.open(device);
    const recorded = (repeats: number) =>
      device.record(job.name, () => {
        for (let i = 0; i < repeats; i++) body();
        return {};
      });
    using once = await recorded(1);
    await elapsed(device, once);
    const repeats = Math.ceil(budget / Math.max(await elapsed(device, once), 1e-3));
    const program = await recorded(Math.min(MOST_REPEATS, repeats));
    return new DeviceContender(name, device, program, Math.min(MOST_REPEATS, repeats));
  }

  /** Milliseconds of one time, over one run of the program. */
  async round(): Promise<number> {
    return await elapsed(this.device, this.program) / this.repeats;
  }

  /** Releases the program; the inputs go with the device. */
  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
  }
}

async function elapsed(device: Device, program: Program): Promise<number> {
  const start = performance.now();
  program.run();
  await device.finish();
  return performance.now() - start;
}

/** Milliseconds of each round, for each contender by name. */
export type Rounds = Readonly<Record<string, readonly number[]>>;

/**
 * Times contenders in turn, round by round, so that whatever else the machine does in the meantime slows all of them.
 * A contender that takes longer than `patience` milliseconds a round sits out every second round.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  patience: number,
): Promise<Rounds> {
  const times = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  const slow = new Set<Contender>();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      if (slow.has(contender) && round % 2 === 1) continue;
      const start = performance.now();
      times.get(contender.name)!.push(await contender.round());
      if (performance.now() - start > patience) slow.add(contender);
    }
  }
  return Object.fromEntries(times);
}

/** Median of one contender's rounds, in milliseconds; NaN where it did not take part. */
export function medianOf(rounds: Rounds, name: string): number {
  return rounds[name] ? median(rounds[name]) : NaN;
}
