import { DeviceError, withModulePath } from "../../core/errors.ts";
import { byteLength, formatSpec } from "../../core/spec.ts";
import type { AnyKernel, Launch, Limits, WebGpuPlan } from "../../kernel.ts";
import { launchProblem } from "./launch_check.ts";
import type { Call, Lowered } from "../backend.ts";
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

  constructor(readonly pipelines: PipelineCache, readonly limits: Limits) {}

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
    for (const launch of plan.launches) {
      const problem = launchProblem(launch, buffers, this.limits);
      if (problem) {
        throw withModulePath(new DeviceError(`Cannot launch kernel "${kernel.name}": ${problem}`), path);
      }
    }
    const entries = plan.launches.map((launch) => this.pipelines.entry(launch, kernel.name, path));
    return {
      kernel: kernel.name,
      launches: plan.launches,
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
