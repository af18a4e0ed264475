import { assert, assertEquals } from "@std/assert";
import { CONTROL, CONTROL_BYTES } from "../../../../engine/device/cpu/control.ts";
import { canSleep, spawnWebWorker, spawnWorkers } from "../../../../engine/device/cpu/spawn.ts";
import { textOf } from "../../../source_tree.ts";

const PATIENCE = 10_000;

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

Deno.test("`canSleep()` holds on this thread", () => {
  assertEquals(canSleep(), true);
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
