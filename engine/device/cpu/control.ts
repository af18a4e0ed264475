import type { Barrier } from "./call_list.ts";

/** What a worker is started with. */
export interface WorkerStart {
  /** The device's memory, shared. */
  readonly memory: WebAssembly.Memory;
  /** The control block. */
  readonly control: SharedArrayBuffer;
  /** Number of this worker; the main thread is 0. */
  readonly lane: number;
  /** Workers and the main thread. */
  readonly lanes: number;
  /** The library of `--blas`. */
  readonly blas?: string;
}

/** Names of the words. */
export type ControlWord = "epoch" | "arrivals" | "idle" | "ready" | "list" | "count" | "failed" | "quit";

/**
 * Words of the control block: `epoch` grows by one for every list and workers sleep on it; `arrivals` counts parts of
 * the list that are done; `idle` counts workers that have left the list, `ready` those that have started; `list` and
 * `count` are the list's address and length; `failed` is the number of a failed call plus one; `quit` ends workers.
 */
export const CONTROL: Readonly<Record<ControlWord, number>> = {
  epoch: 0,
  arrivals: 1,
  idle: 2,
  ready: 3,
  list: 4,
  count: 5,
  failed: 6,
  quit: 7,
};

/** Bytes of the control block. */
export const CONTROL_BYTES = 64;

/** Looks before a lane goes to sleep: a call that ends soon is not worth a system call. */
const SPINS = 100;

/** Sleeps until word `index` satisfies `done`; whoever makes it so must notify. */
export function sleepUntil(control: Int32Array, index: number, done: (value: number) => boolean): void {
  for (let spin = 0;; spin++) {
    const value = Atomics.load(control, index);
    if (done(value)) return;
    if (spin >= SPINS) Atomics.wait(control, index, value);
  }
}

/** A barrier on the control block's arrivals. */
export class ControlBarrier implements Barrier {
  readonly #control: Int32Array;

  /** Works on the control block of a pool. */
  constructor(control: Int32Array) {
    this.#control = control;
  }

  /** Sleeps until `count` parts are done. */
  wait(count: number): void {
    // Not sleepUntil: this runs for every call and must not allocate a closure.
    for (let spin = 0;; spin++) {
      const value = Atomics.load(this.#control, CONTROL.arrivals);
      if (value >= count) return;
      if (spin >= SPINS) Atomics.wait(this.#control, CONTROL.arrivals, value);
    }
  }

  /** Counts a part, and wakes the lanes that wait for the call where it was the last. */
  arrive(count: number): void {
    const before = Atomics.add(this.#control, CONTROL.arrivals, 1);
    if (before + 1 === count) Atomics.notify(this.#control, CONTROL.arrivals);
  }

  /** Keeps the number of the first call that failed. */
  fail(index: number): void {
    Atomics.compareExchange(this.#control, CONTROL.failed, 0, index + 1);
  }
}
