import { DeviceError, withModulePath } from "../../core/errors.ts";
import type { Launch } from "../../kernel.ts";
import type { Failures } from "./failures.ts";
import { explainCompileError } from "./shader_errors.ts";
import { withSubgroupDirective } from "./wgsl.ts";

/** A compiled pipeline and its only bind group layout. */
export interface Pipeline {
  readonly id: number;
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Code that is compiled at most once: a source, an entry point, override values. */
export interface PipelineEntry {
  readonly kernel: string;
  /** Module path of the call that first wanted it, for errors. */
  readonly path: string;
  readonly launch: Launch;
  /** Undefined until compiled, and again after a failed compilation, so that it is reported again. */
  pipeline: Pipeline | undefined;
}

/** Compiled pipelines, keyed by the whole source with its entry point and overrides. */
export class PipelineCache {
  readonly #entries = new Map<string, PipelineEntry>();
  readonly #modules = new Map<string, GPUShaderModule>();
  #nextId = 1;

  /**
   * Starts empty.
   *
   * @param directives whether sources need `enable subgroups`, as with Dawn
   */
  constructor(readonly failures: Failures, readonly directives: boolean = false) {}

  /** Pipelines compiled so far; none is ever dropped. */
  get size(): number {
    return this.#nextId - 1;
  }

  /** The entry of a launch; equal code gives the same entry, whichever kernel asks. */
  entry(launch: Launch, kernel: string, path: string): PipelineEntry {
    const overrides = Object.entries(launch.overrides ?? {}).sort(([a], [b]) => a < b ? -1 : 1);
    const key = `${launch.entryPoint ?? "main"} ${JSON.stringify(overrides)}\n${launch.source}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { kernel, path, launch, pipeline: undefined };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  /**
   * Compiles all entries that are not compiled yet, in parallel.
   *
   * @throws {DeviceError} for the first that does not compile, naming kernel, overrides and source lines
   */
  async compileAll(entries: Iterable<PipelineEntry>): Promise<void> {
    const missing = [...new Set(entries)].filter((entry) => !entry.pipeline);
    const results = await Promise.allSettled(missing.map((entry) => this.#compileAsync(entry)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** The pipeline of an entry, compiled now if need be; errors are reported by the next `failures.check()`. */
  compile(entry: PipelineEntry): Pipeline {
    if (entry.pipeline) return entry.pipeline;
    let module: GPUShaderModule;
    return entry.pipeline = this.failures.scoped("validation", "compile", () => {
      module = this.#module(entry);
      return this.#made(this.failures.gpu.createComputePipeline(descriptorOf(entry, module)));
    }, (error) => this.#explain(entry, module, error.message));
  }

  async #compileAsync(entry: PipelineEntry): Promise<void> {
    const { gpu } = this.failures;
    // Module and pipeline are validated in one scope that opens and closes with no await between, since scopes are
    // a stack that other compilations share. Some versions reject, others give an invalid object: both are caught.
    gpu.pushErrorScope("validation");
    const module = this.#module(entry);
    const compiling = gpu.createComputePipelineAsync(descriptorOf(entry, module)).then(
      (pipeline) => ({ pipeline, reason: "" }),
      (error: Error) => ({ pipeline: undefined, reason: error.message || error.name }),
    );
    const scope = gpu.popErrorScope();
    const [{ pipeline, reason }, error] = await Promise.all([compiling, scope]);
    if (!pipeline || error) {
      this.failures.assertAlive();
      throw await this.#explain(entry, module, error?.message ?? reason);
    }
    entry.pipeline ??= this.#made(pipeline);
  }

  #made(gpu: GPUComputePipeline): Pipeline {
    return { id: this.#nextId++, gpu, layout: gpu.getBindGroupLayout(0) };
  }

  #module({ kernel, launch }: PipelineEntry): GPUShaderModule {
    let module = this.#modules.get(launch.source);
    if (!module) {
      const code = this.directives ? withSubgroupDirective(launch.source) : launch.source;
      module = this.failures.gpu.createShaderModule({ label: kernel, code });
      this.#modules.set(launch.source, module);
    }
    return module;
  }

  async #explain(entry: PipelineEntry, module: GPUShaderModule, message: string): Promise<DeviceError> {
    const { kernel, path, launch } = entry;
    entry.pipeline = undefined;
    this.#modules.delete(launch.source);
    const { messages } = await module.getCompilationInfo();
    return withModulePath(new DeviceError(explainCompileError(kernel, launch, message, messages)), path);
  }
}

function descriptorOf(
  { kernel, launch }: PipelineEntry,
  module: GPUShaderModule,
): GPUComputePipelineDescriptor {
  const { entryPoint = "main", overrides } = launch;
  return { label: kernel, layout: "auto", compute: { module, entryPoint, constants: { ...overrides } } };
}
