import { DeviceError, withModulePath } from "../../core/errors.ts";
import { byteLength, formatSpec, type Spec } from "../../core/spec.ts";
import type { AnyKernel, Launch, Limits, WebGpuPlan } from "../../kernel.ts";
import type { Call, Lowered } from "../backend.ts";
import type { PipelineCache, PipelineEntry } from "./pipelines.ts";

/** A kernel's launches at fixed specs and attributes. */
export interface WebGpuLowered extends Lowered {
  readonly kernel: string;
  readonly launches: readonly Launch[];
  /** Code of each launch. */
  readonly entries: readonly PipelineEntry[];
  /** Buffers that `bind` wants: inputs, outputs, scratch. */
  readonly slots: number;
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
      const problem = this.#problemOf(launch, buffers);
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
      slots: buffers.length,
    };
  }

  #problemOf({ groups, bindings }: Launch, buffers: readonly Spec[]): string | undefined {
    const {
      maxComputeWorkgroupsPerDimension: mostGroups,
      maxStorageBuffersPerShaderStage: mostBuffers,
      maxStorageBufferBindingSize: mostBytes,
    } = this.limits;
    const slots = buffers.length;
    if (groups.some((count) => !Number.isInteger(count) || count < 1 || count > mostGroups)) {
      return `the grid must be whole numbers from 1 to ${mostGroups}, got ${groups.join(" x ")} (see gridOf)`;
    }
    if (bindings.length > mostBuffers) {
      return `at most ${mostBuffers} storage buffers can be bound, got ${bindings.length}`;
    }
    const wrong = bindings.find((slot) => !Number.isInteger(slot) || slot < 0 || slot >= slots);
    if (wrong !== undefined) return `slots go from 0 to ${slots - 1}, got ${wrong}`;
    const large = bindings.map((slot) => buffers[slot]).find((spec) => byteLength(spec) > mostBytes);
    return large &&
      `one binding holds at most ${mostBytes} bytes on this adapter (maxStorageBufferBindingSize), got ` +
        `${formatSpec(large)} of ${byteLength(large)} bytes`;
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
