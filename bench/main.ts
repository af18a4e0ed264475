/**
 * `deno task bench`: times every kernel at every size of its cases, on every device; with `--device cpu` the work of
 * the models, and with `--peers` other engines in the same rounds.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import { formatSpec } from "../engine/core/spec.ts";
import type { DeviceKind } from "../engine/device/backend.ts";
import { chooseDevice, DEVICE_NAMES, openDevice } from "../engine/device/open.ts";
import { probeAdapter } from "../engine/device/webgpu/adapter.ts";
import { GPU_NAMES } from "../engine/device/webgpu/provider.ts";
import type { Cost } from "../engine/kernel.ts";
import { ConfigError } from "../engine/core/errors.ts";
import { benchEngine, benchGpu } from "./engine_command.ts";
import { GPU_GROUPS, type Group, GROUPS } from "./groups.ts";
import { timeWorkload, type Timing } from "./measure.ts";
import { fractionOfRoofline, measureRoofline, type Roofline } from "./roofline.ts";
import { type AnyCase, findSuites, type FoundSuite, inputValues, isHalf, narrow } from "./suites.ts";

const namesOf = (groups: readonly Group[]): string => groups.map(({ name }) => name).join(", ");

/** The command line of `deno task bench`. */
export const COMMAND: Command = {
  name: "bench",
  summary:
    "Time the models' work on the cpu device, or every kernel at every size of its cases on every device.",
  flags: [
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default: all that are here)` },
    {
      name: "kernels",
      value: "LIST",
      help: "time the cases of these kernels or kernel folders, as in matmul,softmax, or all",
    },
    {
      name: "groups",
      value: "LIST",
      help: `of the cpu device: ${namesOf(GROUPS)} (default: all but gemm-grid); of webgpu: ${
        namesOf(GPU_GROUPS)
      }`,
    },
    {
      name: "peers",
      help: "with --device cpu or webgpu: in turn with jax-js and TensorFlow.js, fetched from npm",
    },
    { name: "rounds", value: "N", help: "with --device cpu or webgpu: rounds of each line (default 7)" },
    {
      name: "threads",
      value: "N",
      help: "threads of the cpu device (default: 1 and all cores, or all cores)",
    },
    { name: "gpu", value: "NAME", help: `who implements WebGPU: ${GPU_NAMES} (default deno)` },
    { name: "json", help: "print one JSON document, with device, driver, versions and date" },
  ],
};

/** One kernel at one size on one device. */
export interface BenchResult {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Name of the case. */
  readonly case: string;
  /** Specs of the inputs. */
  readonly shapes: string;
  /** Median of one call. */
  readonly microseconds: number;
  /** 10^9 floating-point operations a second. */
  readonly gflops: number;
  /** 10^9 bytes a second. */
  readonly gigabytes: number;
  /** Of the attainable speed; above 1 where the operands stay in the cache. */
  readonly roofline: number;
  /** Calls of one submit. */
  readonly repeats: number;
  /** GPU timestamps, or the host's clock. */
  readonly clock: "timestamps" | "wall";
}

/** All results of one device. */
export interface DeviceBench {
  /** The device. */
  readonly device: DeviceKind;
  /** Adapter and driver, or threads. */
  readonly description: string;
  /** Version of Deno. */
  readonly deno: string;
  /** ISO 8601. */
  readonly date: string;
  /** What the device can do at most. */
  readonly roofline: Roofline;
  /** In the order of the suites. */
  readonly results: readonly BenchResult[];
}

/** How to run the benchmark on one device. */
export interface BenchOptions {
  /** Threads of the cpu device; all cores unless given. */
  readonly threads?: number;
  /** Who implements WebGPU for the webgpu device; Deno unless given. */
  readonly gpu?: string;
  /** Given the device's line and its roofline, before the first case. */
  readonly onRoofline?: (description: string, roofline: Roofline) => void;
  /** Given every result when it is there. */
  readonly onResult?: (result: BenchResult) => void;
}

const BUDGET_MILLISECONDS = 20;
const ROUNDS = 5;
const FOOTNOTE =
  "% roof: of the speed that the roofline allows; above 100 where operands stay in a cache, which copying " +
  "large buffers does not use";

/** Runs `deno task bench`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, async (line: CommandLine) => {
    const names = line.text("kernels")?.split(",").map((name) => name.trim());
    const device = line.text("device");
    if (names === undefined) {
      if (device === "cpu") return await benchEngine(line);
      if (device === "webgpu" && engineFlag(line) !== undefined) return await benchGpu(line);
    }
    refuseEngineFlags(line);
    await benchCases(line, await kindsOf(device, line.text("gpu")), names);
  });
}

/** A given flag of whole work. */
function engineFlag(line: CommandLine): string | undefined {
  return ["groups", "rounds"].find((name) => line.text(name) !== undefined) ??
    (line.has("peers") ? "peers" : undefined);
}

function refuseEngineFlags(line: CommandLine): void {
  const given = engineFlag(line);
  if (given === undefined) return;
  throw new ConfigError(`Cannot use --${given}: it goes with --device cpu or webgpu, and not with --kernels`);
}

async function benchCases(line: CommandLine, kinds: readonly DeviceKind[], names?: string[]): Promise<void> {
  const suites = narrow(await findSuites(), names?.includes("all") ? undefined : names);
  const threads = line.number("threads", 1, true);
  const gpu = line.text("gpu");
  const json = line.has("json");
  const all: DeviceBench[] = [];
  for (const kind of kinds) {
    const show = json
      ? {}
      : { onRoofline: sayRoofline, onResult: (result: BenchResult) => say(rowOf(result)) };
    all.push(await benchDevice(kind, suites, { threads, gpu, ...show }));
  }
  say(json ? JSON.stringify(all, null, 2) : `\n${FOOTNOTE}`);
}

async function kindsOf(name: string | undefined, gpu: string | undefined): Promise<DeviceKind[]> {
  if (name !== undefined) return [(await chooseDevice(name, { gpu })).kind];
  return await probeAdapter(gpu) ? ["webgpu", "cpu", "reference"] : ["cpu", "reference"];
}

/**
 * Times suites on one device.
 *
 * @throws {DeviceError} when the device cannot be opened
 */
export async function benchDevice(
  kind: DeviceKind,
  suites: readonly FoundSuite[],
  { threads, gpu, onRoofline, onResult }: BenchOptions = {},
): Promise<DeviceBench> {
  using device = await openDevice(kind, kind === "webgpu" ? { gpu } : { threads });
  const { description } = device.backend;
  const roofline = await measureRoofline(device);
  onRoofline?.(`${kind}: ${description}, Deno ${Deno.version.deno}`, roofline);
  const results: BenchResult[] = [];
  for (const { kernel, cases } of suites) {
    for (const test of cases) {
      if (!device.backend.halfPrecision && isHalf(kernel, test)) continue;
      const workload = { kernel, inputs: test.inputs, values: inputValues(test), attrs: test.attrs };
      const timing = await timeWorkload(device, workload, BUDGET_MILLISECONDS, ROUNDS);
      const result = resultOf(kernel.name, test, kernel.cost(test.inputs, test.attrs), timing, roofline);
      results.push(result);
      onResult?.(result);
    }
  }
  return {
    device: kind,
    description,
    deno: Deno.version.deno,
    date: new Date().toISOString(),
    roofline,
    results,
  };
}

function resultOf(
  kernel: string,
  test: AnyCase,
  cost: Cost,
  timing: Timing,
  roofline: Roofline,
): BenchResult {
  const { microseconds } = timing;
  return {
    kernel,
    case: test.name,
    shapes: test.inputs.map(formatSpec).join(" "),
    gflops: cost.flops / microseconds / 1e3,
    gigabytes: (cost.bytesRead + cost.bytesWritten) / microseconds / 1e3,
    roofline: fractionOfRoofline(cost, microseconds, roofline),
    ...timing,
  };
}

function sayRoofline(description: string, { flops, flopsBy, bandwidth, bandwidthBy }: Roofline): void {
  say(`\n${description}`);
  say(
    `roofline: ${(flops / 1e9).toFixed(1)} GFLOP/s by ${flopsBy}, ${
      (bandwidth / 1e9).toFixed(1)
    } GB/s by ${bandwidthBy}`,
  );
  say(`${"kernel".padEnd(26)}${"case".padEnd(44)}${TITLES}  shapes`);
}

const TITLES = ["us", "GFLOP/s", "GB/s", "% roof"].map((title) => title.padStart(10)).join("");

function rowOf(
  { kernel, case: name, shapes, microseconds, gflops, gigabytes, roofline }: BenchResult,
): string {
  const numbers = [
    microseconds.toFixed(1),
    gflops.toFixed(2),
    gigabytes.toFixed(2),
    (100 * roofline).toFixed(1),
  ];
  const columns = numbers.map((text) => text.padStart(10)).join("");
  return `${kernel.padEnd(26)}${clip(name, 43).padEnd(44)}${columns}  ${clip(shapes, 60)}`;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
