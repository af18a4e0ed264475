import type { WorkerStart } from "./control.ts";

/** Not a literal import: browsers have no such module, and bundlers would fail to find it. */
const NODE_WORKERS: string = "node:worker_threads";

interface NodeWorker {
  unref(): void;
  on(event: "error", listener: () => void): void;
}

interface NodeWorkers {
  readonly Worker: new (url: URL, options: { workerData: WorkerStart }) => NodeWorker;
  readonly workerData: WorkerStart | null;
}

async function nodeWorkers(): Promise<NodeWorkers | undefined> {
  try {
    return await import(NODE_WORKERS) as NodeWorkers;
  } catch {
    return undefined;
  }
}

/**
 * Whether this thread may sleep until another wakes it. A browser's main thread may not: the device works alone there,
 * and in a worker it has a pool.
 */
export function canSleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}

/** Starts workers: of `node:worker_threads`, which let the process exit, where there are such, and of the web elsewhere. */
export async function spawnWorkers(starts: readonly WorkerStart[]): Promise<void> {
  const node = await nodeWorkers();
  for (const start of starts) {
    // A worker that does not start never counts as ready: the main thread goes on alone.
    if (node) spawnNodeWorker(node, start);
    else spawnWebWorker(start);
  }
}

function spawnNodeWorker({ Worker }: NodeWorkers, workerData: WorkerStart): void {
  const worker = new Worker(nodeWorkerUrl(), { workerData });
  worker.unref();
  worker.on("error", () => {});
}

/** Starts a worker of the web, which is told its start by its first message. */
export function spawnWebWorker(start: WorkerStart): Worker {
  const worker = new Worker(workerUrl(), { type: "module" });
  worker.addEventListener("error", (event) => event.preventDefault());
  worker.postMessage(start);
  return worker;
}

/** What this worker was started with. Call it before anything is awaited, so that no message is missed. */
export async function receiveStart(): Promise<WorkerStart> {
  const message = new Promise<WorkerStart>((resolve) => {
    globalThis.addEventListener("message", (event) => resolve((event as MessageEvent).data), { once: true });
  });
  return (await nodeWorkers())?.workerData ?? await message;
}

function workerUrl(): URL {
  return new URL("./worker.ts", import.meta.url);
}

/** `node:worker_threads` takes no module over the network, but one that imports it. */
function nodeWorkerUrl(): URL {
  const url = workerUrl();
  return url.protocol === "file:" ? url : new URL(`data:text/javascript,import ${JSON.stringify(url.href)}`);
}
