import { overlap, type Storage } from "../tensor.ts";
import type { RecordedCall } from "./recorder.ts";

/** Calls that are left of a program, and where storages are that no longer need memory of their own. */
export interface WithoutCopies {
  /** In order. */
  readonly calls: readonly RecordedCall[];
  /** For each storage that is computed in place, the storage that it was to be copied to. */
  readonly homes: ReadonlyMap<Storage, Storage>;
}

/**
 * Leaves out copies of planned storages to persistent ones: what is to be copied is computed at its destination.
 *
 * A copy stays where something touches the destination before it, where its source is a result, or used or copied
 * elsewhere later, and where a call would then read one and write another part of one buffer, which WebGPU forbids.
 *
 * @param kept storages that are results of the program
 */
export function leaveOutCopies(calls: readonly RecordedCall[], kept: ReadonlySet<Storage>): WithoutCopies {
  const users = usersOf(calls);
  const sharers = Map.groupBy(users.keys(), (storage) => storage.whole ?? storage);
  const homes = new Map<Storage, Storage>();
  const left = calls.filter((call, i) => {
    if (!call.kernel.copies) return true;
    const [target, source] = call.inputs.map(({ storage }) => storage);
    const mayMove = source.lifetime === "planned" && target.lifetime === "persistent" &&
      source.bytes === target.bytes && !kept.has(source) && !homes.has(source) &&
      users.get(source)!.at(-1) === i &&
      !sharers.get(target.whole ?? target)!.some((other) =>
        overlap(other, target) && users.get(other)![0] < i
      );
    if (!mayMove) return true;
    homes.set(source, target);
    const others = users.get(source)!.filter((user) => user !== i);
    if (others.every((user) => !clashes(calls[user], homes))) return false;
    homes.delete(source);
    return true;
  });
  return { calls: left, homes };
}

/** Numbers of the calls that touch each storage, ascending. */
function usersOf(calls: readonly RecordedCall[]): Map<Storage, number[]> {
  const users = new Map<Storage, number[]>();
  calls.forEach(({ inputs, outputs }, i) => {
    for (const { storage } of [...inputs, ...outputs]) {
      const own = users.get(storage);
      if (!own) users.set(storage, [i]);
      else if (own.at(-1) !== i) own.push(i);
    }
  });
  return users;
}

/** Whether a call reads and writes parts of one buffer. */
function clashes({ kernel, inputs, outputs }: RecordedCall, homes: ReadonlyMap<Storage, Storage>): boolean {
  const wholes = (storages: readonly Storage[]) =>
    new Set(storages.map((storage) => (homes.get(storage) ?? storage).whole).filter((whole) => whole));
  const mutated = kernel.mutates ?? [];
  const read = wholes(inputs.filter((_, i) => !mutated.includes(i)).map(({ storage }) => storage));
  const written = wholes([...mutated.map((i) => inputs[i]), ...outputs].map(({ storage }) => storage));
  return [...written].some((whole) => read.has(whole));
}
