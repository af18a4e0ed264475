import { openSafetensors, type SafetensorsFile } from "../../engine/checkpoint/safetensors.ts";
import type { HostArray } from "../../engine/core/dtype.ts";
import { CheckpointError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { Fields } from "./fields.ts";

/** One golden file: a case of the reference implementation with parameters, inputs and expected results. */
export class Golden implements Disposable {
  readonly family: string;
  /** What is tested, as in `rope_1d` or `model`. */
  readonly component: string;
  readonly config: Fields;

  private constructor(private readonly file: SafetensorsFile) {
    const { family, config } = file.metadata;
    if (family === undefined || config === undefined) {
      throw new CheckpointError(`Cannot use ${file.path}: its metadata has no "family" and "config"`);
    }
    this.family = family;
    this.config = new Fields("config", parse(file.path, config));
    this.component = String(this.config.value("component"));
  }

  /** @throws {CheckpointError} when the file is missing, broken, or not a golden file */
  static async open(path: string): Promise<Golden> {
    const file = await openSafetensors(path);
    try {
      return new Golden(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Whether the file has this tensor. */
  has(name: string): boolean {
    return this.file.tensors.has(name);
  }

  /** Names of tensors that start with `prefix`, without it, in the file's order. */
  names(prefix: string): string[] {
    const names = [...this.file.tensors.keys()].filter((name) => name.startsWith(prefix));
    return names.map((name) => name.slice(prefix.length));
  }

  /** Names of everything that a run has to reproduce. */
  expected(): string[] {
    return this.names("").filter((name) => !name.startsWith("param.") && !name.startsWith("in."));
  }

  /** @throws {CheckpointError} when there is no such tensor */
  shape(name: string): Shape {
    const info = this.file.tensors.get(name);
    if (!info) throw new CheckpointError(`Cannot use ${this.file.path}: it has no tensor "${name}"`);
    return info.shape;
  }

  /** @throws {CheckpointError} when there is no such tensor, or its dtype is not one of the engine's */
  async read(name: string): Promise<HostArray> {
    const data = await this.file.read(name);
    if (!(data instanceof Uint8Array)) return data;
    throw new CheckpointError(`Cannot use ${this.file.path}: "${name}" holds bytes, wanted F32 or I32`);
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

function parse(path: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError(`Cannot use ${path}: the "config" of its metadata is not JSON`, { cause });
  }
}
