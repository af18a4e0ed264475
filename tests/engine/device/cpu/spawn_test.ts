import { assert, assertEquals } from "@std/assert";
import { CpuBackend } from "../../../../engine/device/cpu/cpu_backend.ts";
import { CONTROL, CONTROL_BYTES } from "../../../../engine/device/cpu/control.ts";
import { canSleep, spawnWebWorker, spawnWorkers } from "../../../../engine/device/cpu/spawn.ts";
import { textOf } from "../../../source_tree.ts";

const PATIENCE = 60_000;

function starts(lanes: number) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const words = new Int32Array(control);
  const list = Array.from({ length: lanes - 1 }, (_, i) => ({ memory, control, lane: i + 1, lanes }));
  return { words, list };
}

/** Waits without blocking, since workers need this thread to start. */
async function until(done: () => boolean): Promise<void> {
  const start = performance.now();
  while (!done() && performance.now() - start < PATIENCE) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert(done());
}

/** Posts an empty list and waits until the workers are through; then ends them. */
async function serveOnce(words: Int32Array, workers: number): Promise<void> {
  Atomics.add(words, CONTROL.epoch, 1);
  Atomics.notify(words, CONTROL.epoch);
  await until(() => Atomics.load(words, CONTROL.idle) === workers);
  Atomics.store(words, CONTROL.quit, 1);
  Atomics.add(words, CONTROL.epoch, 1);
  Atomics.notify(words, CONTROL.epoch);
}

Deno.test({
  name: "`spawnWorkers()` starts workers that serve lists until they are told to quit",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { words, list } = starts(3);
    await spawnWorkers(list);
    await until(() => Atomics.load(words, CONTROL.ready) === 2);
    await serveOnce(words, 2);
  },
});

Deno.test({
  name: "`spawnWebWorker()` starts a worker of the web, as browsers have them",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { words, list: [start] } = starts(2);
    const worker = spawnWebWorker(start);
    await until(() => Atomics.load(words, CONTROL.ready) === 1);
    await serveOnce(words, 1);
    worker.terminate();
  },
});

/** Runs `body` while a global is something else, as other runtimes have it. */
function withGlobal(owner: object, name: string, value: unknown, body: () => void): void {
  const original = Object.getOwnPropertyDescriptor(owner, name)!;
  Object.defineProperty(owner, name, { ...original, value });
  try {
    body();
  } finally {
    Object.defineProperty(owner, name, original);
  }
}

const forbidden = () => {
  throw new TypeError("Atomics.wait cannot be called in this context");
};

Deno.test("`canSleep()` holds on this thread, and not where waiting is forbidden", () => {
  assertEquals(canSleep(), true);
  withGlobal(Atomics, "wait", forbidden, () => assertEquals(canSleep(), false));
});

Deno.test("the device works alone on a thread that may not wait, and without SharedArrayBuffer", () => {
  const alone = () => {
    const backend = new CpuBackend({ threads: 3 });
    assertEquals(backend.description, "CPU, WASM SIMD, 1 thread");
    assertEquals(backend.started, true);
    backend.dispose();
  };
  withGlobal(Atomics, "wait", forbidden, alone);
  withGlobal(globalThis, "SharedArrayBuffer", undefined, alone);
});

Deno.test("no module of the cpu device imports a module that browsers lack", () => {
  const folder = new URL("../../../../engine/device/cpu/", import.meta.url);
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".ts")) continue;
    const imports = textOf(`engine/device/cpu/${name}`).match(
      /^(?:import|export)\b[^;]*"(?:node|npm|jsr):[^"]*"/gm,
    );
    assertEquals(imports, null, name);
  }
});
