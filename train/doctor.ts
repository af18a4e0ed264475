/**
 * `deno task doctor`: says what this machine offers, and what is missing.
 *
 * @module
 */
import { cpus } from "node:os";
import { resolve } from "@std/path";
import { type Command, runCommand, say } from "../cli/command.ts";
import { type WasmFeatures, wasmFeatures } from "../engine/device/cpu/wasm/features.ts";
import { chooseDevice, type DeviceChoice } from "../engine/device/open.ts";
import { type AdapterReport, probeAdapter } from "../engine/device/webgpu/adapter.ts";

/** The command line of `deno task doctor`. */
export const COMMAND: Command = {
  name: "doctor",
  summary: "Say what this machine offers, which device is used and why, and what is missing.",
  flags: [],
};

/** Everything that `doctor` looked at. What a missing permission hides is undefined, with a hint. */
export interface Diagnosis {
  /** Version of Deno. */
  readonly deno: string;
  /** Version of its JavaScript engine. */
  readonly v8: string;
  /** Version of its compiler. */
  readonly typescript: string;
  /** Operating system and processor architecture. */
  readonly system: string;
  /** Name of the processor. */
  readonly cpuModel: string | undefined;
  /** Logical processors. */
  readonly cores: number;
  /** In bytes. */
  readonly memory: { readonly total: number; readonly available: number } | undefined;
  /** What the CPU device builds on. */
  readonly wasm: WasmFeatures;
  /** What the webgpu device would use; undefined where there is none. */
  readonly adapter: AdapterReport | undefined;
  /** What `--device auto` means here. */
  readonly choice: DeviceChoice;
  /** The folder of decoded images, and the bytes of its files; undefined where there is none. */
  readonly cache: { readonly folder: string; readonly bytes: number | undefined };
  /** One line for each thing that is missing. */
  readonly hints: readonly string[];
}

const CACHE_FOLDER = ".cache";
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const COLUMN = 34;

/** Runs `deno task doctor`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, async () => say(formatDiagnosis(await diagnose())));
}

/** Looks at the machine; asks for no permission that was not given. */
export async function diagnose(): Promise<Diagnosis> {
  const hints: string[] = [];
  const wasm = wasmFeatures();
  const adapter = await probeAdapter();
  const cpuModel = granted("cpus", "the processor's name", hints) ? cpus()[0]?.model.trim() : undefined;
  const memory = granted("systemMemoryInfo", "the machine's memory", hints)
    ? Deno.systemMemoryInfo()
    : undefined;
  return {
    ...Deno.version,
    system: `${Deno.build.os} ${Deno.build.arch}`,
    cpuModel,
    cores: navigator.hardwareConcurrency,
    memory,
    wasm,
    adapter,
    choice: await chooseDevice("auto"),
    cache: await cacheUse(CACHE_FOLDER),
    hints: [...adapterHints(adapter), ...wasmHints(wasm), ...memoryHints(memory?.available), ...hints],
  };
}

type SystemQuestion = "cpus" | "systemMemoryInfo";

function granted(kind: SystemQuestion, what: string, hints: string[]): boolean {
  const query: Deno.SysPermissionDescriptor = { name: "sys", kind };
  if (Deno.permissions.querySync(query).state === "granted") return true;
  hints.push(`${what} is not shown: it needs --allow-sys=${kind}`);
  return false;
}

async function cacheUse(folder: string): Promise<{ folder: string; bytes: number | undefined }> {
  try {
    let bytes = 0;
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile) bytes += (await Deno.stat(`${folder}/${name}`)).size;
    }
    return { folder: resolve(folder), bytes };
  } catch {
    // Not there yet, or not allowed to be read: either way nothing is known of it.
    return { folder, bytes: undefined };
  }
}

/** What to do about the adapter, on this operating system unless told. */
export function adapterHints(adapter: AdapterReport | undefined, os: string = Deno.build.os): string[] {
  const vulkan = os === "linux" || os === "android";
  if (!adapter) {
    return [
      vulkan
        ? "no Vulkan adapter: install your GPU's driver, or the software adapter to test kernels on " +
          "(Debian: apt-get install mesa-vulkan-drivers libvulkan1)"
        : "no WebGPU adapter: install or update your GPU's driver",
    ];
  }
  const hints: string[] = [];
  if (adapter.software) {
    hints.push("the WebGPU adapter is software: right for testing kernels, slower than the cpu device");
  }
  if (!adapter.features.includes("timestamp-query")) {
    hints.push("the adapter has no timestamp-query: --profile cannot time kernels on webgpu");
  }
  return hints;
}

function wasmHints({ simd, relaxedSimd, threads, sharedMemory }: WasmFeatures): string[] {
  const hints: string[] = [];
  if (!simd) hints.push("no WASM SIMD: the cpu device cannot run, use --device reference or webgpu");
  if (!relaxedSimd) hints.push("no relaxed WASM SIMD: nothing needs it yet");
  if (!threads || !sharedMemory) hints.push("no shared WASM memory: the cpu device runs on one thread");
  return hints;
}

function memoryHints(available: number | undefined): string[] {
  if (available === undefined || available >= 2 * GIB) return [];
  const free = (available / GIB).toFixed(1);
  return [
    `only ${free} GiB of memory are free: see what a preset needs with \`deno task info --preset NAME\``,
  ];
}

/** The diagnosis as text, a topic a paragraph. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const { deno, v8, typescript, system, cpuModel, cores, memory, cache, choice, hints } = diagnosis;
  const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;
  const cached = cache.bytes === undefined
    ? "not there, or not readable"
    : `${(cache.bytes / MIB).toFixed(1)} MiB`;
  return [
    ...section("runtime", [["deno", deno], ["v8", v8], ["typescript", typescript]]),
    ...section("machine", [
      ["system", system],
      ["processor", `${cpuModel ?? "not shown"}, ${cores} logical cores`],
      ["memory", memory ? `${gib(memory.total)}, ${gib(memory.available)} available` : "not shown"],
    ]),
    ...section("webassembly", wasmRows(diagnosis.wasm)),
    ...section("webgpu adapter", adapterRows(diagnosis.adapter)),
    ...section("data", [["cache of decoded images", `${cache.folder}, ${cached}`]]),
    ...section("device", [["auto picks", `${choice.kind}: ${choice.reason}`]]),
    "hints",
    ...(hints.length > 0 ? hints : ["none: nothing is missing"]).map((hint) => `  - ${hint}`),
  ].join("\n");
}

type Row = readonly [name: string, value: string];

function section(title: string, rows: readonly Row[]): string[] {
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(COLUMN)}${value}`), ""];
}

function wasmRows({ simd, relaxedSimd, threads, sharedMemory }: WasmFeatures): Row[] {
  const yes = (value: boolean) => value ? "yes" : "no";
  return [
    ["SIMD", yes(simd)],
    ["relaxed SIMD", yes(relaxedSimd)],
    ["threads (atomics)", yes(threads)],
    ["shared memory", yes(sharedMemory)],
  ];
}

function adapterRows(adapter: AdapterReport | undefined): Row[] {
  if (!adapter) return [["name", "none found"]];
  return [
    ["name", adapter.name],
    ["vendor", adapter.vendor],
    ["kind", adapter.software ? "software (computes on the CPU)" : "hardware"],
    ...Object.entries(adapter.limits).map(([name, value]): Row => [name, value.toLocaleString("en-US")]),
    ["features", [...adapter.features].sort().join(", ")],
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
