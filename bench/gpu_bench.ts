import type { Device } from "../engine/device/device.ts";
import { type Contender, DeviceContender, interleave, type Job, medianOf } from "./contender.ts";
import type { EngineBenchOptions } from "./engine_bench.ts";
import type { Entry, Group } from "./groups.ts";

/** One line of a table of the webgpu device: this engine first, then the peers. */
export interface GpuLine {
  /** The work. */
  readonly name: string;
  /** Floating-point operations of one time. */
  readonly flops: number;
  /** Of each contender by name. */
  readonly contenders: Readonly<Record<string, GpuResult>>;
}

/** What one contender took. */
export interface GpuResult {
  /** Milliseconds of the first time, compilation included. */
  readonly first: number;
  /** Median of one time, in milliseconds. */
  readonly milliseconds: number;
}

/** Name of this engine in the tables. */
export const ENGINE = "tessera";

/** Milliseconds of a round beyond which a contender takes part in every second round only. */
const PATIENCE = 10_000;

/** Times every entry of a group on a device, in turn with the peers. */
export async function benchGpuGroup(
  device: Device,
  group: Group,
  { peers, rounds, budget }: Pick<EngineBenchOptions, "peers" | "rounds" | "budget">,
  onLine?: (line: GpuLine) => void,
): Promise<GpuLine[]> {
  const lines: GpuLine[] = [];
  for (const entry of group.entries()) {
    using stack = new DisposableStack();
    const engine = stack.use(await FirstTimed.open(device, entry.job, budget));
    const others = await openOthers(entry, peers, stack);
    const contenders = [engine.contender, ...others.map(({ contender }) => contender)];
    const measured = await interleave(contenders, rounds, PATIENCE);
    const line: GpuLine = {
      name: entry.job.name,
      flops: engine.contender.flops,
      contenders: Object.fromEntries(
        [engine, ...others].map(({ contender: { name }, first }) =>
          [name, { first, milliseconds: medianOf(measured, name) }] as const
        ),
      ),
    };
    lines.push(line);
    onLine?.(line);
  }
  return lines;
}

/** This engine at one job, and how long the first time took. */
class FirstTimed implements Disposable {
  private constructor(readonly contender: DeviceContender, readonly first: number) {}

  static async open(device: Device, job: Job, budget: number): Promise<FirstTimed> {
    const body = job.open(device);
    const start = performance.now();
    using once = await device.record(job.name, () => (body(), {}));
    once.run();
    await device.finish();
    const first = performance.now() - start;
    return new FirstTimed(await DeviceContender.open(ENGINE, device, job, budget), first);
  }

  [Symbol.dispose](): void {
    this.contender[Symbol.dispose]();
  }
}

async function openOthers(
  { peer: open }: Entry,
  peers: EngineBenchOptions["peers"],
  stack: DisposableStack,
): Promise<{ contender: Contender; first: number }[]> {
  const others: { contender: Contender; first: number }[] = [];
  for (const peer of open ? peers : []) {
    const contender = stack.use(open!(peer));
    const start = performance.now();
    await contender.round();
    others.push({ contender, first: performance.now() - start });
  }
  return others;
}
