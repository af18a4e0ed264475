/**
 * Checkpoints of PyTorch (`.pt`, `.pth`), in the zip and in the legacy layout, as data. Opening one reads the zip
 * directory and the pickle, whatever the size of the file; tensors are read one at a time. Nothing in a pickle is ever
 * executed, see `pickle.ts`.
 *
 * @module
 */
import { CheckpointError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";
import { type ByteSource, memorySource, openFileSource } from "./byte_source.ts";
import { decodeElements, type SafetensorsData } from "./elements.ts";
import type { PickleValue } from "./pickle_values.ts";
import { bytesOf, quote, type SafetensorsDType } from "./safetensors_header.ts";
import type { TorchContent } from "./torch_content.ts";
import { openLegacy } from "./torch_legacy.ts";
import { tensorsBelow } from "./torch_tree.ts";
import { STORAGE_DTYPES, type TorchTensor } from "./torch_values.ts";
import { gatherView, spanOf, swapBytes } from "./torch_view.ts";
import { openZip } from "./torch_zip.ts";

/** One tensor of a file. */
export interface TorchTensorInfo {
  /** Element type, under its name in safetensors. */
  readonly dtype: SafetensorsDType;
  /** Dimensions, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Whether it was an `nn.Parameter`. */
  readonly parameter: boolean;
  /** Whether it took part in training, where the file tells. */
  readonly requiresGrad: boolean;
}

/** Bytes of a view that repeats elements which are justified whatever the size of the file. */
const MAX_REPEATED_BYTES = 2 ** 24;

/** An open file: its object is in memory, tensors are read one at a time. */
export class TorchFile implements Disposable {
  /** Tensors by dotted name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TorchTensorInfo>;
  readonly #views: ReadonlyMap<string, TorchTensor>;
  #closed = false;

  /**
   * Finds and checks every tensor. Called by `openTorch`.
   *
   * @throws {CheckpointError} when a tensor does not fit its storage, or there is none
   */
  constructor(private readonly source: ByteSource, private readonly content: TorchContent) {
    const refuse = (defect: string): never => {
      throw new CheckpointError(`Cannot read ${source.path}: ${defect}`);
    };
    this.#views = tensorsBelow(content.value, refuse);
    if (this.#views.size === 0) refuse("it holds no tensor");
    this.tensors = new Map(
      [...this.#views].map(([name, view]) => [name, checkedInfo(name, view, content, source.size, refuse)]),
    );
  }

  /** Path of the file, or what stands for it in errors. */
  get path(): string {
    return this.source.path;
  }

  /** What was saved, as data: dicts are maps, tensors are descriptions. */
  get value(): PickleValue {
    return this.content.value;
  }

  /**
   * Reads one tensor, row-major. `F16` and `BF16` are widened to f32, `F64` is rounded to f32; `I64`, `I16` and `I8`
   * become i32; `U8` and `BOOL` stay bytes.
   *
   * @throws {CheckpointError} when there is no such tensor, its bytes are damaged, an `I64` value does not fit in 32
   *   bits, or the file is closed
   */
  async read(name: string): Promise<SafetensorsData> {
    const { buffer } = await this.readBytes(name);
    const { dtype } = this.tensors.get(name)!;
    if (dtype === "BOOL") return new Uint8Array(buffer);
    if (dtype === "I16") return new Int32Array(new Int16Array(buffer));
    if (dtype === "I8") return new Int32Array(new Int8Array(buffer));
    return decodeElements(dtype, buffer, `Cannot read tensor ${quote(name)} of ${this.path}`);
  }

  /**
   * Reads the bytes of one tensor, row-major and little-endian.
   *
   * @throws {CheckpointError} when there is no such tensor, its bytes are damaged, or the file is closed
   */
  readBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve) => resolve(this.#bytesOf(name)));
  }

  #bytesOf(name: string): Uint8Array<ArrayBuffer> {
    const what = `Cannot read tensor ${quote(name)} of ${this.path}`;
    if (this.#closed) throw new CheckpointError(`${what}: the file is closed`);
    const view = this.#views.get(name);
    if (!view) throw new CheckpointError(`${what}: the file has no such tensor`);
    const width = bytesOf(this.tensors.get(name)!.dtype);
    const span = spanOf(view);
    const begin = span === 0 ? 0 : view.offset * width;
    const bytes = this.content.read(view.storage.key, begin, begin + span * width);
    if (this.content.bigEndian) swapBytes(bytes, width);
    return gatherView(bytes, view, width);
  }

  /** Closes the file; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.source.close();
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function checkedInfo(
  name: string,
  { storage, offset, shape, stride, parameter, requiresGrad }: TorchTensor,
  content: TorchContent,
  fileSize: number,
  refuse: (defect: string) => never,
): TorchTensorInfo {
  const tensor = `tensor ${quote(name)}`;
  const dtype = STORAGE_DTYPES.get(storage.className);
  if (!dtype) {
    return refuse(`${tensor} has the storage type ${storage.className}, wanted one of ${STORAGE_NAMES}`);
  }
  const width = bytesOf(dtype);
  const layout = () => `offset ${offset}, shape ${brief(shape)} and stride ${brief(stride)}`;
  const whole = [offset, ...shape, ...stride].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!whole || shape.length !== stride.length) {
    return refuse(
      `${tensor} has ${layout()}, wanted whole numbers of at least 0 and a stride for each dimension`,
    );
  }
  if (offset + spanOf({ shape, stride }) > storage.count && !shape.includes(0)) {
    refuse(`${tensor} has ${layout()}, which reach past the ${storage.count} elements of its storage`);
  }
  const bytes = sizeOf(shape) * width;
  if (!(bytes <= Math.max(fileSize, MAX_REPEATED_BYTES))) {
    refuse(`${tensor} has ${layout()}, more elements than a file of ${fileSize} bytes justifies`);
  }
  const size = content.size(storage.key);
  const where = content.where(storage.key);
  if (size === undefined) return refuse(`${where} is missing, which holds ${tensor}`);
  if (size !== storage.count * width) {
    refuse(`${where}, which holds ${tensor}, has ${size} bytes, wanted ${storage.count * width}`);
  }
  return { dtype, shape, parameter, requiresGrad };
}

const STORAGE_NAMES = [...STORAGE_DTYPES.keys()].map((name) => name.slice("torch.".length)).join(", ");

function brief(values: readonly number[]): string {
  const text = `[${values.slice(0, 8).join(", ")}${values.length > 8 ? ", ..." : ""}]`;
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

/**
 * Opens a file, reads its object and checks every tensor's place; no tensor is read.
 *
 * @throws {CheckpointError} in one line that names the file and its defect: it is missing, cut or no PyTorch file; its
 *   pickle is broken, too large or names a class that is not on the list; a tensor does not fit its storage
 */
export async function openTorch(path: string): Promise<TorchFile> {
  return await openTorchSource(await openFileSource(path));
}

/**
 * Reads a file that is in memory already; `path` names it in errors.
 *
 * @throws {CheckpointError} as `openTorch()` does
 */
export async function parseTorch(bytes: Uint8Array, path = "bytes in memory"): Promise<TorchFile> {
  return await openTorchSource(memorySource(bytes, path));
}

async function openTorchSource(source: ByteSource): Promise<TorchFile> {
  try {
    const content = isZip(source) ? await openZip(source) : openLegacy(source);
    return new TorchFile(source, content);
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Whether the layout is a zip; the legacy one begins with the opcode that opens a pickle. */
function isZip(source: ByteSource): boolean {
  const refuse = (defect: string): never => {
    throw new CheckpointError(`Cannot read ${source.path}: ${defect}`);
  };
  if (source.size === 0) return refuse("the file is empty");
  if (source.size < 4) return refuse(`it is not a PyTorch file, it has ${source.size} bytes`);
  const begin = source.read(0, Math.min(source.size, 60));
  if (ZIP_SIGNATURES.includes(new DataView(begin.buffer).getUint32(0, true))) return true;
  if (begin[0] === LEGACY_BEGIN) return false;
  const text =
    begin.every((byte) => byte >= 0x20 && byte < 0x7f || byte === 0x0a || byte === 0x0d || byte === 0x09)
      ? new TextDecoder().decode(begin)
      : "";
  if (text.startsWith("version https://git-lfs")) {
    return refuse("it is a Git LFS pointer, the file itself has yet to be fetched");
  }
  const found = text === "" ? "" : `, it is text that begins with ${quote(text.slice(0, 30))}`;
  return refuse(`it is not a PyTorch file${found}`);
}

/** Of an entry, and of an archive without one. */
const ZIP_SIGNATURES = [0x04034b50, 0x06054b50];

/** The opcode that opens a pickle of protocol 2 and above. */
const LEGACY_BEGIN = 0x80;
