/**
 * The flat list that the main thread and the workers walk.
 *
 * A list is the addresses of call records; a record is, in 32-bit words: module number, address of the module's
 * blob, range, grain, and the argument block. A blob is: address of the module's data, byte length, bytes. All of
 * it lies in the shared memory, so that a worker needs no message to follow.
 *
 * @module
 */

/** The exported function of a kernel module. */
export type Run = (args: number, begin: number, end: number, lane: number) => void;

/** Words of a record before its argument block. */
export const RECORD_WORDS = 4;
/** Bytes of a blob before the module's bytes. */
export const BLOB_HEADER = 8;

/** Keeps lanes in step: call by call, none starts before all work of the call before is done. */
export interface Barrier {
  /** Waits until `count` parts of the list are done. */
  wait(count: number): void;
  /** Notes that a part is done; `count` parts complete the call. */
  arrive(count: number): void;
  /** Notes that call `index` failed; what this throws ends the walk. */
  fail(index: number, error: unknown): void;
}

/** Parts that a call is split into: none has less than a grain. */
export function partsOf(range: number, grain: number, lanes: number): number {
  return Math.min(lanes, Math.ceil(range / grain));
}

/**
 * Runs the share of `lane` in each call of a list: contiguous parts that begin at multiples of the grain.
 *
 * `words` views the whole memory; `load` gives the function of a module.
 */
export function walk(
  words: Int32Array,
  list: number,
  count: number,
  lane: number,
  lanes: number,
  load: (module: number, blob: number) => Run,
  barrier: Barrier,
): void {
  const first = list >>> 2;
  let done = 0;
  for (let i = 0; i < count; i++) {
    const record = words[first + i] >>> 2;
    const range = words[record + 2], grain = words[record + 3];
    const parts = partsOf(range, grain, lanes);
    if (lane < parts) {
      const units = Math.ceil(range / grain);
      const begin = Math.floor(units * lane / parts) * grain;
      const end = Math.min(range, Math.floor(units * (lane + 1) / parts) * grain);
      barrier.wait(done);
      try {
        load(words[record], words[record + 1])(4 * (record + RECORD_WORDS), begin, end, lane);
      } catch (error) {
        barrier.fail(i, error);
      }
      barrier.arrive(done + parts);
    }
    done += parts;
  }
}
