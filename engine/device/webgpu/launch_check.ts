import { byteLength, formatSpec, type Spec } from "../../core/spec.ts";
import { type Binding, type Launch, type Limits, slotOf } from "../../kernel.ts";
import { BINDING_ALIGNMENT } from "./ranges.ts";

/** What is wrong with a launch on an adapter with these limits; undefined where nothing is. */
export function launchProblem(
  { groups, bindings }: Launch,
  buffers: readonly Spec[],
  limits: Limits,
): string | undefined {
  const { maxComputeWorkgroupsPerDimension: mostGroups, maxStorageBuffersPerShaderStage: mostBuffers } =
    limits;
  if (groups.some((count) => !Number.isInteger(count) || count < 1 || count > mostGroups)) {
    return `the grid must be whole numbers from 1 to ${mostGroups}, got ${groups.join(" x ")} (see gridOf)`;
  }
  if (bindings.length > mostBuffers) {
    return `at most ${mostBuffers} storage buffers can be bound, got ${bindings.length}`;
  }
  const last = buffers.length - 1;
  const wrong = bindings.map(slotOf).find((slot) => !Number.isInteger(slot) || slot < 0 || slot > last);
  if (wrong !== undefined) return `slots go from 0 to ${last}, got ${wrong}`;
  const outside = bindings.find((binding) => !isRange(binding, buffers));
  if (outside !== undefined) {
    const { slot, offset, size } = rangeOf(outside, buffers);
    return `bytes ${offset} to ${offset + size} of slot ${slot} cannot be bound: wanted a range of ` +
      `${formatSpec(buffers[slot])} that begins at a multiple of ${BINDING_ALIGNMENT}`;
  }
  const large = tooLarge(bindings, buffers, limits);
  return large &&
    `one binding holds at most ${limits.maxStorageBufferBindingSize} bytes on this adapter ` +
      `(maxStorageBufferBindingSize), got ${formatSpec(large)} of ${byteLength(large)} bytes`;
}

/** The first operand that is bound in a piece that is too large. */
export function tooLarge(
  bindings: readonly Binding[],
  buffers: readonly Spec[],
  { maxStorageBufferBindingSize: most }: Limits,
): Spec | undefined {
  const large = bindings.find((binding) => rangeOf(binding, buffers).size > most);
  return large === undefined ? undefined : buffers[slotOf(large)];
}

function isRange(binding: Binding, buffers: readonly Spec[]): boolean {
  const { slot, offset, size } = rangeOf(binding, buffers);
  const bytes = byteLength(buffers[slot]);
  return offset >= 0 && offset % BINDING_ALIGNMENT === 0 && size > 0 && offset + size <= bytes;
}

function rangeOf(binding: Binding, buffers: readonly Spec[]): { slot: number; offset: number; size: number } {
  return typeof binding === "number"
    ? { slot: binding, offset: 0, size: byteLength(buffers[binding]) }
    : binding;
}
