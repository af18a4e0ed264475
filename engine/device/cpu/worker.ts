/**
 * One worker of the CPU device: sleeps until a list is posted, does its lane's share of every call, sleeps again.
 *
 * @module
 */
import { type Blas, openBlas } from "./blas.ts";
import { BLOB_HEADER, type Run, walk } from "./call_list.ts";
import { CONTROL, ControlBarrier, sleepUntil, type WorkerStart } from "./control.ts";
import { loadCode } from "./modules.ts";
import { receiveStart } from "./spawn.ts";

/** Serves lists until told to quit. */
function serve({ memory, control: shared, lane, lanes, blas: path }: WorkerStart): void {
  const control = new Int32Array(shared);
  const barrier = new ControlBarrier(control);
  const blas = path === undefined ? undefined : openBlas(path);
  const runs: Run[] = [];
  const load = (id: number, blob: number) => runs[id] ??= loadModule(memory, blob, blas);
  let epoch = 0;
  Atomics.add(control, CONTROL.ready, 1);
  for (;;) {
    sleepUntil(control, CONTROL.epoch, (value) => value !== epoch);
    epoch = Atomics.load(control, CONTROL.epoch);
    if (Atomics.load(control, CONTROL.quit) === 1) return;
    // A new view each time, since the memory may have grown.
    const words = new Int32Array(memory.buffer);
    walk({ words, lane, lanes, load, barrier }, control[CONTROL.list], control[CONTROL.count]);
    Atomics.add(control, CONTROL.idle, 1);
    Atomics.notify(control, CONTROL.idle);
  }
}

function loadModule(memory: WebAssembly.Memory, blob: number, blas: Blas | undefined): Run {
  const [data, length] = new Uint32Array(memory.buffer, blob >>> 0, 2);
  const bytes = new Uint8Array(memory.buffer, (blob >>> 0) + BLOB_HEADER, length).slice();
  return loadCode(bytes, memory, data, blas);
}

serve(await receiveStart());
