import { dirname } from "@std/path";
import { type DType, dtypeOf, type HostArray } from "../core/dtype.ts";
import { CheckpointError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";
import { byteLength, formatSpec, type Spec } from "../core/spec.ts";
import { LENGTH_BYTES, quote, type SafetensorsDType } from "./safetensors_header.ts";

/** One tensor to write. */
export interface SafetensorsEntry {
  /** Key in the header; anything but `__metadata__`. */
  readonly name: string;
  /** Element type and shape. */
  readonly spec: Spec;
  /** The elements, or a function that fetches them when their turn has come. */
  readonly data: HostArray | (() => HostArray | Promise<HostArray>);
}

const DTYPES: Readonly<Record<DType, SafetensorsDType>> = { f32: "F32", i32: "I32", u32: "U32" };

/** Data begins at a multiple of this, so that tensors can be mapped into memory. */
const ALIGNMENT = 8;

const writing = new Set<string>();

/**
 * Writes a safetensors file in one atomic step: to `<path>.tmp`, which is flushed to the disk and then renamed. A
 * file that was at `path` stays whole until it is replaced, whenever the process is stopped. Where writing fails,
 * the temporary file is removed; one that a killed process left is overwritten. Equal arguments give equal bytes.
 *
 * Entries are fetched and written in order, one in memory at a time.
 *
 * @throws {CheckpointError} when the file cannot be written, is being written already, a name occurs twice, or
 *   data does not fit its spec; what an entry's `data()` throws passes through
 */
export async function writeSafetensors(
  path: string,
  entries: readonly SafetensorsEntry[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header = encodeHeader(path, entries, metadata);
  if (writing.has(path)) throw new CheckpointError(`Cannot write ${path}: it is being written already`);
  writing.add(path);
  try {
    await replaceFile(path, async (file) => {
      await writeAll(path, file, header);
      for (const entry of entries) await writeAll(path, file, await fetchBytes(path, entry));
    });
  } finally {
    writing.delete(path);
  }
}

function encodeHeader(
  path: string,
  entries: readonly SafetensorsEntry[],
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
  for (const { name, spec } of entries) {
    if (names.has(name)) {
      throw new CheckpointError(`Cannot write ${path}: the name ${quote(name)} is taken`);
    }
    names.add(name);
    const end = offset + byteLength(spec);
    const info = { dtype: DTYPES[spec.dtype], shape: spec.shape, data_offsets: [offset, end] };
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

async function fetchBytes(
  path: string,
  { name, spec, data }: SafetensorsEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  const array = typeof data === "function" ? await data() : data;
  if (dtypeOf(array) !== spec.dtype || array.length !== sizeOf(spec.shape)) {
    throw new CheckpointError(
      `Cannot write ${path}: tensor ${quote(name)} is ${formatSpec(spec)}, ` +
        `got ${array.length} elements of ${dtypeOf(array)}`,
    );
  }
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

async function replaceFile(path: string, write: (file: Deno.FsFile) => Promise<void>): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await attempt(path, () => Deno.open(temporary, { write: true, create: true, truncate: true }));
  try {
    try {
      await write(file);
      await attempt(path, () => file.sync());
    } finally {
      file.close();
    }
    await attempt(path, () => Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await attempt(path, () => syncFolder(dirname(path)));
}

// A rename is on the disk only when its folder is.
async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using handle = await Deno.open(folder);
  await handle.sync();
}

async function writeAll(path: string, file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await attempt(path, () => file.write(bytes.subarray(written)));
  }
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new CheckpointError(`Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
