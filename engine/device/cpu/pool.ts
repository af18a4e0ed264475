import { Worker } from "node:worker_threads";
import { type Run, walk } from "./call_list.ts";
import { CONTROL, CONTROL_BYTES, ControlBarrier, sleepUntil, type WorkerStart } from "./control.ts";

/** Threads that run lists together with the main thread. An idle pool sleeps and lets the process exit. */
export class WorkerPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  readonly #barrier = new ControlBarrier(this.#control);
  readonly #memory: WebAssembly.Memory;
  readonly #workers: number;

  /**
   * Starts `lanes - 1` workers; lane 0 is the caller.
   *
   * @throws when the runtime refuses workers, for want of a permission for instance
   */
  constructor(memory: WebAssembly.Memory, readonly lanes: number) {
    this.#memory = memory;
    this.#workers = lanes - 1;
    const control = this.#control.buffer as SharedArrayBuffer;
    for (let lane = 1; lane < lanes; lane++) {
      const workerData: WorkerStart = { memory, control, lane, lanes };
      const worker = new Worker(workerUrl(), { workerData });
      worker.unref();
      // A worker that does not start never counts as ready: the main thread goes on alone.
      worker.on("error", () => {});
    }
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
    walk(new Int32Array(this.#memory.buffer), list, count, 0, this.lanes, load, this.#barrier);
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

/** The worker's module; `node:worker_threads` takes none over the network, but one that imports it. */
function workerUrl(): URL {
  const url = new URL("./worker.ts", import.meta.url);
  return url.protocol === "file:" ? url : new URL(`data:text/javascript,import ${JSON.stringify(url.href)}`);
}
