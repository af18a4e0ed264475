import { DeviceError } from "../../core/errors.ts";
import type { CpuCall } from "../../kernel.ts";
import type { Blas } from "./blas.ts";
import { gemmRun, isGemmCode } from "./blas_call.ts";
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

/** The function that code stands for: a WebAssembly module, or a product for the BLAS. */
export function loadCode(
  code: Uint8Array<ArrayBuffer>,
  memory: WebAssembly.Memory,
  data: number,
  blas: Blas | undefined,
): Run {
  if (blas && isGemmCode(code)) return gemmRun(code, memory, blas);
  return instantiate(new WebAssembly.Module(code), memory, data);
}

/** Kernel modules of a device by key, each generated and compiled once. */
export class ModuleCache {
  readonly #byKey = new Map<string, LoadedModule>();
  readonly #runs: Run[] = [];

  /** Puts code and tables into `memory`; `blas` runs the products among them. */
  constructor(readonly memory: CpuMemory, readonly blas?: Blas) {}

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
    if (this.blas && isGemmCode(built)) {
      return this.#keep(built, 0, gemmRun(built, this.memory.memory, this.blas));
    }
    const bytes = this.memory.shared ? built : withUnsharedMemory(built);
    try {
      const module = new WebAssembly.Module(bytes);
      const sections = WebAssembly.Module.customSections(module, DATA_SECTION);
      const dataBytes = sections.length > 0 ? new DataView(sections[0]).getUint32(0, true) : 0;
      const data = dataBytes > 0 ? this.memory.allocate(dataBytes) : 0;
      return this.#keep(bytes, data, instantiate(module, this.memory.memory, data));
    } catch (error) {
      if (error instanceof DeviceError) throw error;
      throw new DeviceError(`Cannot compile the kernel "${call.key}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Numbers a function, and puts its code where the workers find it. */
  #keep(code: Uint8Array, data: number, run: Run): LoadedModule {
    const blob = this.memory.allocate(BLOB_HEADER + code.length);
    this.memory.words(blob, 2).set([data, code.length]);
    this.memory.bytes(blob + BLOB_HEADER, code.length).set(code);
    return { id: this.#runs.push(run) - 1, blob };
  }
}
