/**
 * The flat list that the main thread and the workers walk.
 *
 * A list is the addresses of call records, then for each call one counter a lane, all zero at the start; a record is,
 * in 32-bit words: module number, address of the module's blob, range, grain, and the argument block. A blob is:
 * address of the module's data, byte length, bytes. All of it lies in the shared memory, so that a worker needs no
 * message to follow.
 *
 * @module
 */

/** The exported function of a kernel module. */
export type Run = (args: number, begin: number, end: number, lane: number) => void;

/** Words of a record before its argument block. */
export const RECORD_WORDS = 4;
/** Bytes of a blob before the module's bytes. */
export const BLOB_HEADER = 8;

/** Pieces that a lane's part of a call is cut into: what a lane leaves, because it was held up, others take. */
const PIECES = 4;

/** Keeps lanes in step: call by call, none starts before all work of the call before is done. */
export interface Barrier {
  /** Waits until `count` pieces of the list are done. */
  wait(count: number): void;
  /** Notes that a piece is done; `count` pieces complete the call. */
  arrive(count: number): void;
  /** Notes that call `index` failed; what this throws ends the walk. */
  fail(index: number, error: unknown): void;
}

/** Parts that a call is split into: none has less than a grain. */
export function partsOf(range: number, grain: number, lanes: number): number {
  return Math.min(lanes, Math.ceil(range / grain));
}

/** Words of a list: the records' addresses and the counters. */
export function listWords(count: number, lanes: number): number {
  return count * (1 + lanes);
}

/** The first grain of a part, of `units` grains in `parts` parts. */
function partStart(units: number, parts: number, part: number): number {
  return Math.floor(units * part / parts);
}

/** Grains of a piece. */
function pieceGrains(units: number, parts: number): number {
  return parts === 1 ? units : Math.ceil(units / (parts * PIECES));
}

/** Pieces of one part. */
function piecesOf(units: number, parts: number, part: number): number {
  const grains = partStart(units, parts, part + 1) - partStart(units, parts, part);
  return Math.ceil(grains / pieceGrains(units, parts));
}

/** Pieces that a call is split into. */
export function totalPieces(range: number, grain: number, lanes: number): number {
  const units = Math.ceil(range / grain), parts = partsOf(range, grain, lanes);
  let total = 0;
  for (let part = 0; part < parts; part++) total += piecesOf(units, parts, part);
  return total;
}

/** A lane on its way through a list. */
export interface Walk {
  /** The whole memory. */
  readonly words: Int32Array;
  /** Number of the lane. */
  readonly lane: number;
  /** Lanes that walk the list. */
  readonly lanes: number;
  /** Gives the function of a module. */
  readonly load: (module: number, blob: number) => Run;
  /** Keeps the lanes in step. */
  readonly barrier: Barrier;
}

/** Does the share of one lane in each of the `count` calls of the list at address `list`. */
export function walk(own: Walk, list: number, count: number): void {
  const { words, lanes } = own;
  const first = list >>> 2;
  let done = 0;
  for (let i = 0; i < count; i++) {
    const record = words[first + i] >>> 2;
    const total = totalPieces(words[record + 2], words[record + 3], lanes);
    share(own, i, record, first + count + i * lanes, done, done + total);
    done += total;
  }
}

/**
 * The pieces of the lane's own contiguous part, then whatever pieces of the others' parts nobody has begun: a lane
 * that is held up by other work on its core does not hold up the rest. Pieces begin at multiples of the grain.
 */
function share(
  { words, lane, lanes, load, barrier }: Walk,
  index: number,
  record: number,
  counters: number,
  before: number,
  after: number,
): void {
  const range = words[record + 2], grain = words[record + 3];
  const units = Math.ceil(range / grain), parts = partsOf(range, grain, lanes);
  if (lane >= parts) return;
  const step = pieceGrains(units, parts);
  let waited = false;
  for (let turn = 0; turn < parts; turn++) {
    const part = (lane + turn) % parts, pieces = piecesOf(units, parts, part);
    // A look before the wait: where all is taken, there is nothing to wait for.
    while (Atomics.load(words, counters + part) < pieces) {
      if (!waited) barrier.wait(before);
      waited = true;
      const piece = Atomics.add(words, counters + part, 1);
      if (piece >= pieces) break;
      const start = partStart(units, parts, part) + piece * step;
      const end = Math.min(partStart(units, parts, part + 1), start + step);
      try {
        const run = load(words[record], words[record + 1]);
        run(4 * (record + RECORD_WORDS), start * grain, Math.min(range, end * grain), lane);
      } catch (error) {
        barrier.fail(index, error);
      }
      barrier.arrive(after);
    }
  }
}
