/**
 * Looks for data races by `npm:wgsl_reflect`, which runs the invocations of a workgroup in lockstep on the CPU and
 * notes who reads and writes what between two barriers. Races between workgroups are not seen.
 *
 * @module
 */
import { hostArray } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { DEFAULT_LIMITS } from "../../engine/device/null_backend.ts";
import type { AnyKernel, Launch } from "../../engine/kernel.ts";
import { type AnyCase, inputValues } from "../../bench/suites.ts";

const PACKAGE = "npm:wgsl_reflect@1.6.0/wgsl_reflect.module.js";

/** Workgroups of each launch that are run: the first, where most happens, and one more. */
const MOST_WORKGROUPS = 2;

interface Detector {
  detectRaces(
    code: string,
    entryPoint: string,
    groups: readonly number[],
    bindings: Readonly<Record<string, Readonly<Record<string, ArrayBufferView>>>>,
    config: { readonly constants: Readonly<Record<string, number>> },
  ): { readonly races: readonly { readonly message: string }[]; readonly errors: readonly string[] };
}

/** The package; undefined where it cannot be had. */
export async function loadDetector(): Promise<Detector | undefined> {
  try {
    return await import(PACKAGE);
  } catch {
    return undefined;
  }
}

/**
 * What version 1.6.0 reads wrongly, written otherwise: `block` as a name is an error to it, and a barrier that is the
 * first statement of a loop's body is passed over, so that everything around it looks unordered.
 */
function adapted(source: string): string {
  return source.replaceAll(/\/\/.*$/gm, "")
    .replaceAll(/\bblock\b/g, "block_")
    .replaceAll(/\{\s*workgroupBarrier\(\)/g, "{ let before_barrier = 0; workgroupBarrier()");
}

/** Messages about one launch: its first race, and barriers that not all invocations reach. */
export function racesOf(detector: Detector, launch: Launch, buffers: readonly ArrayBufferView[]): string[] {
  const { source, entryPoint = "main", groups, overrides = {} } = launch;
  const bound = Object.fromEntries(launch.bindings.map((slot, binding) => [binding, buffers[slot]]));
  const few = groups.map((count) => Math.min(count, MOST_WORKGROUPS));
  const { races, errors } = detector.detectRaces(adapted(source), entryPoint, few, { 0: bound }, {
    constants: overrides,
  });
  return [...races.slice(0, 1).map(({ message }) => message), ...errors];
}

/** Runs the launches of a case one after the other on the same buffers, and says what is wrong with each. */
export function racesOfCase(detector: Detector, kernel: AnyKernel, test: AnyCase): string[] {
  const { launches, scratch = [] } = kernel.webgpu(test.inputs, test.attrs, DEFAULT_LIMITS);
  const made = [...kernel.infer(test.inputs, test.attrs), ...scratch];
  const buffers = [...inputValues(test), ...made.map(({ dtype, shape }) => hostArray(dtype, sizeOf(shape)))];
  return launches.flatMap((launch, i) =>
    racesOf(detector, launch, buffers).map((message) => `launch ${i}: ${message}`)
  );
}
