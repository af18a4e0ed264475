import { DeviceError, withModulePath } from "../../core/errors.ts";
import { byteLength, formatSpec } from "../../core/spec.ts";
import type { AnyKernel, Launch, Limits, WebGpuPlan } from "../../kernel.ts";
import { launchProblem } from "./launch_check.ts";
import type { Call, Lowered } from "../backend.ts";
import { withStorageTypes } from "./storage_types.ts";
import type { PipelineCache, PipelineEntry } from "./pipelines.ts";

/** A kernel's launches at fixed specs and attributes. */
export interface WebGpuLowered extends Lowered {
  readonly kernel: string;
  readonly launches: readonly Launch[];
  /** Code of each launch. */
  readonly entries: readonly PipelineEntry[];
  /** Bytes of the buffers that `bind` wants: inputs, outputs, scratch. */
  readonly slotBytes: readonly number[];
}

/** Plans by kernel object, specs and attributes: equal calls give the same object. */
export class LoweringCache {
  readonly #plans = new WeakMap<AnyKernel, Map<string, WebGpuLowered>>();

  /**
   * Starts empty.
   *
   * @param halfPrecision whether the adapter runs shaders with `enable f16`
   */
  constructor(
    readonly pipelines: PipelineCache,
    readonly limits: Limits,
    readonly halfPrecision: boolean,
  ) {}

  /**
   * Asks the kernel for its plan, or remembers it.
   *
   * @throws {DeviceError} when the plan does not fit the adapter's limits or names a slot that does not exist
   */
  lower(call: Call): WebGpuLowered {
    let plans = this.#plans.get(call.kernel);
    if (!plans) this.#plans.set(call.kernel, plans = new Map());
    const key = keyOf(call);
    let lowered = plans.get(key);
    if (!lowered) plans.set(key, lowered = this.#plan(call));
    return lowered;
  }

  #plan({ kernel, inputs, outputs, attrs, path }: Call): WebGpuLowered {
    const plan: WebGpuPlan = kernel.webgpu(inputs, attrs, this.limits);
    const scratch = plan.scratch ?? [];
    const buffers = [...inputs, ...outputs, ...scratch];
    const half = this.halfPrecision ? undefined : buffers.find(({ dtype }) => dtype === "f16");
    if (half) {
      const problem = `${formatSpec(half)} needs the feature shader-f16, which the adapter does not offer`;
      throw withModulePath(new DeviceError(`Cannot launch kernel "${kernel.name}": ${problem}`), path);
    }
    for (const launch of plan.launches) {
      const problem = launchProblem(launch, buffers, this.limits);
      if (problem) {
        throw withModulePath(new DeviceError(`Cannot launch kernel "${kernel.name}": ${problem}`), path);
      }
    }
    const launches = plan.launches.map((launch) => withStorageTypes(launch, buffers));
    const entries = launches.map((launch) => this.pipelines.entry(launch, kernel.name, path));
    return {
      kernel: kernel.name,
      launches,
      entries,
      scratchBytes: scratch.map(byteLength),
      slotBytes: buffers.map(byteLength),
    };
  }
}

function keyOf({ inputs, outputs, attrs }: Call): string {
  return `${inputs.map(formatSpec).join()}>${outputs.map(formatSpec).join()}|${
    JSON.stringify(attrs, plainNumber)
  }`;
}

/** JSON writes NaN and the infinities as null, and -0 as 0; as attributes they are different calls. */
function plainNumber(_key: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : { number: Object.is(value, -0) ? "-0" : String(value) };
}
