import { DeviceError } from "../../core/errors.ts";
import type { CpuCall } from "../../kernel.ts";
import { BLOB_HEADER, type Run } from "./call_list.ts";
import type { CpuMemory } from "./memory.ts";
import { DATA_SECTION, withUnsharedMemory } from "./wasm/module_builder.ts";

/** A compiled kernel module: its number, and where its bytes are for the workers. */
export interface LoadedModule {
  /** Number in the records. */
  readonly id: number;
  /** Address of the bytes and what belongs to them. */
  readonly blob: number;
}

/** Instantiates a module over a memory; `data` is where its tables go. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, data: number): Run {
  const instance = new WebAssembly.Instance(module, { env: { memory, data } });
  return instance.exports.run as Run;
}

/** Kernel modules of a device by key, each generated and compiled once. */
export class ModuleCache {
  readonly #byKey = new Map<string, LoadedModule>();
  readonly #runs: Run[] = [];

  /** Puts code and tables into `memory`. */
  constructor(readonly memory: CpuMemory) {}

  /**
   * The module of `call`, generated and compiled on the first use of its key.
   *
   * @throws {DeviceError} when the generated module is not valid
   */
  load(call: CpuCall): LoadedModule {
    let loaded = this.#byKey.get(call.key);
    if (!loaded) {
      loaded = this.#compile(call);
      this.#byKey.set(call.key, loaded);
    }
    return loaded;
  }

  /** The function of module `id`, on the main thread. */
  run(id: number): Run {
    return this.#runs[id];
  }

  #compile(call: CpuCall): LoadedModule {
    const built = call.build();
    const bytes = this.memory.shared ? built : withUnsharedMemory(built);
    try {
      const module = new WebAssembly.Module(bytes);
      const sections = WebAssembly.Module.customSections(module, DATA_SECTION);
      const dataBytes = sections.length > 0 ? new DataView(sections[0]).getUint32(0, true) : 0;
      const data = dataBytes > 0 ? this.memory.allocate(dataBytes) : 0;
      const blob = this.memory.allocate(BLOB_HEADER + bytes.length);
      this.memory.words(blob, 2).set([data, bytes.length]);
      this.memory.bytes(blob + BLOB_HEADER, bytes.length).set(bytes);
      const id = this.#runs.push(instantiate(module, this.memory.memory, data)) - 1;
      return { id, blob };
    } catch (error) {
      if (error instanceof DeviceError) throw error;
      throw new DeviceError(`Cannot compile the kernel "${call.key}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}
