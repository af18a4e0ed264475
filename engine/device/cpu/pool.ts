import { DeviceError } from "../../core/errors.ts";
import { type Run, walk } from "./call_list.ts";
import { CONTROL, CONTROL_BYTES, ControlBarrier, sleepUntil, type WorkerStart } from "./control.ts";
import { canSleep, spawnWorkers } from "./spawn.ts";

/** Threads that run lists together with the main thread. An idle pool sleeps and lets the process exit. */
export class WorkerPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  readonly #barrier = new ControlBarrier(this.#control);
  readonly #memory: WebAssembly.Memory;
  readonly #workers: number;

  /**
   * Starts `lanes - 1` workers; lane 0 is the caller.
   *
   * @throws {DeviceError} on a thread that may not sleep
   */
  constructor(memory: WebAssembly.Memory, readonly lanes: number, blas?: string) {
    this.#memory = memory;
    this.#workers = lanes - 1;
    const control = this.#control.buffer as SharedArrayBuffer;
    if (!canSleep()) throw new DeviceError("Cannot start workers: this thread may not wait for them");
    const starts = Array.from(
      { length: this.#workers },
      (_, i): WorkerStart => ({ memory, control, lane: i + 1, lanes, blas }),
    );
    // Those that fail to start are never ready.
    spawnWorkers(starts).catch(() => {});
  }

  /** Whether all workers have started; until then, and if one failed to, the main thread works alone. */
  get ready(): boolean {
    return Atomics.load(this.#control, CONTROL.ready) === this.#workers;
  }

  /** Runs a list of call records on all lanes. Returns the number of a call that failed, or -1. */
  run(list: number, count: number, load: (id: number) => Run): number {
    const control = this.#control;
    control[CONTROL.arrivals] = control[CONTROL.idle] = control[CONTROL.failed] = 0;
    control[CONTROL.list] = list;
    control[CONTROL.count] = count;
    Atomics.add(control, CONTROL.epoch, 1);
    Atomics.notify(control, CONTROL.epoch);
    const words = new Int32Array(this.#memory.buffer);
    walk({ words, lane: 0, lanes: this.lanes, load, barrier: this.#barrier }, list, count);
    sleepUntil(control, CONTROL.idle, (value) => value === this.#workers);
    return Atomics.load(control, CONTROL.failed) - 1;
  }

  /** Ends the workers. */
  dispose(): void {
    this.#control[CONTROL.quit] = 1;
    Atomics.add(this.#control, CONTROL.epoch, 1);
    Atomics.notify(this.#control, CONTROL.epoch);
  }
}
