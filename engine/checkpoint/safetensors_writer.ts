import { type DType, dtypeOf, type HostArray } from "../core/dtype.ts";
import { CheckpointError } from "../core/errors.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { formatSpec, type Spec } from "../core/spec.ts";
import { replaceFile } from "./atomic_file.ts";
import { bytesOf, LENGTH_BYTES, quote, type SafetensorsDType } from "./safetensors_header.ts";

/** One tensor to write in a dtype that the engine does not have. */
export interface RawSafetensorsEntry {
  /** Key in the header; anything but `__metadata__`. */
  readonly name: string;
  /** Element type in the file. */
  readonly dtype: SafetensorsDType;
  /** Dimensions, outermost first. */
  readonly shape: Shape;
  /** Fetches the elements when their turn has come: row-major, little-endian. */
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>;
}

/** One tensor to write. */
export interface SafetensorsEntry {
  /** Key in the header; anything but `__metadata__`. */
  readonly name: string;
  /** Element type and shape. */
  readonly spec: Spec;
  /** The elements, or a function that fetches them when their turn has come. */
  readonly data: HostArray | (() => HostArray | Promise<HostArray>);
}

const DTYPES: Readonly<Record<DType, SafetensorsDType>> = { f32: "F32", f16: "F16", i32: "I32", u32: "U32" };

/** Data begins at a multiple of this, so that tensors can be mapped into memory. */
const ALIGNMENT = 8;

/**
 * Writes a safetensors file in one atomic step, see `replaceFile()`. Equal arguments give equal bytes.
 *
 * Entries are fetched and written in order, one in memory at a time.
 *
 * @throws {CheckpointError} when the file cannot be written, is being written already, a name occurs twice, or
 *   data does not fit its spec; what an entry's `data()` throws passes through
 */
export async function writeSafetensors(
  path: string,
  entries: readonly (SafetensorsEntry | RawSafetensorsEntry)[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header = encodeHeader(path, entries, metadata);
  await replaceFile(path, async (append) => {
    await append(header);
    for (const entry of entries) await append(await fetchBytes(path, entry));
  });
}

function encodeHeader(
  path: string,
  entries: readonly (SafetensorsEntry | RawSafetensorsEntry)[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const names = new Set(["__metadata__"]);
  const members: string[] = [];
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    members.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let offset = 0;
  for (const entry of entries) {
    const { name } = entry;
    if (names.has(name)) {
      throw new CheckpointError(`Cannot write ${path}: the name ${quote(name)} is taken`);
    }
    names.add(name);
    const { dtype, shape, size } = layoutOf(entry);
    const end = offset + size;
    const info = { dtype, shape, data_offsets: [offset, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(LENGTH_BYTES + length).fill(" ".charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, LENGTH_BYTES);
  return header;
}

function layoutOf(entry: SafetensorsEntry | RawSafetensorsEntry): {
  readonly dtype: SafetensorsDType;
  readonly shape: Shape;
  readonly size: number;
} {
  if ("spec" in entry) {
    const { spec: { dtype, shape } } = entry;
    return { dtype: DTYPES[dtype], shape, size: sizeOf(shape) * bytesOf(DTYPES[dtype]) };
  }
  const { dtype, shape } = entry;
  return { dtype, shape, size: sizeOf(shape) * bytesOf(dtype) };
}

async function fetchBytes(
  path: string,
  entry: SafetensorsEntry | RawSafetensorsEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!("spec" in entry)) {
    const bytes = await entry.bytes();
    const { size } = layoutOf(entry);
    if (bytes.length === size) return bytes;
    throw new CheckpointError(
      `Cannot write ${path}: tensor ${quote(entry.name)} has ${size} bytes, got ${bytes.length}`,
    );
  }
  const { name, spec, data } = entry;
  const array = typeof data === "function" ? await data() : data;
  if (dtypeOf(array) !== spec.dtype || array.length !== sizeOf(spec.shape)) {
    throw new CheckpointError(
      `Cannot write ${path}: tensor ${quote(name)} is ${formatSpec(spec)}, ` +
        `got ${array.length} elements of ${dtypeOf(array)}`,
    );
  }
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
