/**
 * Compiles every dispatch of every case by Tint, the compiler of Chrome and Dawn, and prints what it rejects as
 * JSON. Dawn's null backend does that without a GPU. Needs `--allow-ffi` and `--allow-read`.
 *
 * @module
 */
import { DEFAULT_LIMITS } from "../../engine/device/null_backend.ts";
import { DAWN_PACKAGE } from "../../engine/device/webgpu/provider.ts";
import { withSubgroupDirective } from "../../engine/device/webgpu/wgsl.ts";
import { explainCompileError } from "../../engine/device/webgpu/shader_errors.ts";
import type { Launch } from "../../engine/kernel.ts";
import { caseLaunches } from "./launches.ts";

/** What was compiled, and one message for each dispatch that was not. */
export interface TintReport {
  readonly compiled: number;
  readonly failures: readonly string[];
  /** What Tint says of a barrier that not all invocations reach, which naga accepts. */
  readonly control: string;
}

/** Exit code where the package cannot be had. */
export const NO_PACKAGE = 3;

const CONTROL: Launch = {
  source: `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
  if (x[lane] > 0.0) { workgroupBarrier(); }
}`,
  bindings: [0],
  groups: [1, 1, 1],
};

async function compile(device: GPUDevice, kernel: string, launch: Launch): Promise<string | undefined> {
  const { source, entryPoint = "main", overrides } = launch;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: withSubgroupDirective(source) });
  const compiling = device.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint, constants: { ...overrides } },
  }).then((pipeline) => void pipeline.getBindGroupLayout(0), (error: Error) => error.message);
  const error = await device.popErrorScope();
  const message = await compiling ?? error?.message;
  if (message === undefined) return undefined;
  const { messages } = await module.getCompilationInfo();
  return explainCompileError(kernel, launch, message, messages);
}

/** Kept, since its devices do not outlive it. */
let gpu: GPU;

async function openNullDevice(): Promise<GPUDevice> {
  const { create } = await import(DAWN_PACKAGE);
  gpu = create(["backend=null"]);
  const adapter = await gpu.requestAdapter();
  return await adapter!.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] });
}

if (import.meta.main) {
  let device: GPUDevice;
  try {
    device = await openNullDevice();
  } catch (error) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${error instanceof Error ? error.message : error}\n`));
    Deno.exit(NO_PACKAGE);
  }
  const software = { ...DEFAULT_LIMITS, software: true };
  const launches = await caseLaunches([
    DEFAULT_LIMITS,
    software,
    { ...software, subgroup: 4 },
    { ...software, subgroup: 8 },
  ]);
  const failures: string[] = [];
  for (const { name, call, launch } of launches) {
    const failure = await compile(device, call.kernel.name, launch);
    if (failure !== undefined) failures.push(`${name}: ${failure}`);
  }
  const control = await compile(device, "control", CONTROL) ?? "";
  const report: TintReport = { compiled: launches.length, failures, control };
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
}
