import { ZipWriter } from "@zip.js/zip.js/lib/zip-core-writer.js";
import { CheckpointError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { descrOf, type NumpyArray } from "./array.ts";
import { NPY_MAGIC } from "./header.ts";

/** NumPy pads its headers so that elements start at a multiple of this. */
const ALIGNMENT = 64;

/** The date of every entry, so that equal arrays give equal files: the earliest that a zip archive can hold. */
const ENTRY_DATE = new Date(1980, 0, 1);

/**
 * An array as the bytes of an `.npy` file of format 1.0, the ones that `numpy.save` writes.
 *
 * @throws {CheckpointError} when the data does not fill the shape
 */
export function encodeNpy({ shape, data }: NumpyArray): Uint8Array<ArrayBuffer> {
  if (sizeOf(shape) !== data.length) {
    throw new CheckpointError(
      `Cannot write an array [${shape.join(", ")}]: ${sizeOf(shape)} elements wanted, got ${data.length}`,
    );
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descrOf(data)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = NPY_MAGIC.length + 4;
  const dataOffset = Math.ceil((prefix + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(dataOffset + data.byteLength);
  bytes.set(NPY_MAGIC);
  bytes[NPY_MAGIC.length] = 1;
  new DataView(bytes.buffer).setUint16(NPY_MAGIC.length + 2, dataOffset - prefix, true);
  bytes.set(new TextEncoder().encode(text.padEnd(dataOffset - prefix - 1) + "\n"), prefix);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataOffset);
  return bytes;
}

/**
 * Writes named arrays as an `.npz` archive that `numpy.load` reads, stored as they are. It is written beside the
 * target, flushed, and then takes its place, so that a stop in between leaves the old file. Equal arrays give equal
 * files.
 *
 * @throws {CheckpointError} when the file cannot be written, or an array's data does not fill its shape
 */
export async function writeNpz(path: string, arrays: ReadonlyMap<string, NumpyArray>): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    using file = await Deno.open(temporary, { write: true, create: true, truncate: true });
    const writable = new WritableStream<Uint8Array>({ write: (chunk) => writeAll(file, chunk) });
    const writer = new ZipWriter(writable, {
      level: 0,
      useWebWorkers: false,
      lastModDate: ENTRY_DATE,
      extendedTimestamp: false,
      dataDescriptor: false,
    });
    for (const [name, array] of arrays) await writer.add(`${name}.npy`, streamOf(encodeNpy(array)));
    await writer.close();
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {});
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}
