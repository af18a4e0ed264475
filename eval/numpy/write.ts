import { ZipWriter } from "@zip.js/zip.js/lib/zip-core-writer.js";
import { replaceFile } from "../../engine/checkpoint/atomic_file.ts";
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
  const header = encodeHeader(descrOf(data), shape);
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return bytes;
}

/** The header of format 1.0, which pads itself so that the elements are aligned. */
function encodeHeader(descr: string, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = NPY_MAGIC.length + 4;
  const length = Math.ceil((prefix + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(length);
  bytes.set(NPY_MAGIC);
  bytes[NPY_MAGIC.length] = 1;
  new DataView(bytes.buffer).setUint16(NPY_MAGIC.length + 2, length - prefix, true);
  bytes.set(new TextEncoder().encode(text.padEnd(length - prefix - 1) + "\n"), prefix);
  return bytes;
}

/**
 * Writes named arrays as an `.npz` archive that `numpy.load` reads, stored as they are, in one atomic step, see
 * `replaceFile()`. Equal arrays give equal files.
 *
 * @throws {CheckpointError} when the file cannot be written, or an array's data does not fill its shape
 */
export async function writeNpz(path: string, arrays: ReadonlyMap<string, NumpyArray>): Promise<void> {
  const entries = [...arrays].map(([name, array]): Entry => [name, () => [encodeNpy(array)]]);
  await writeEntries(path, entries, { dataDescriptor: false });
}

/**
 * Writes one array as an `.npz` archive, as `writeNpz()` does, with its elements in pieces: for one that is larger than
 * memory.
 *
 * @param descr NumPy's name of the element type, as in `|u1`
 * @param pieces the elements, row-major and little-endian
 * @throws {CheckpointError} when the file cannot be written; what fetching the pieces throws passes through
 */
export async function writeLargeNpz(
  path: string,
  name: string,
  { descr, shape, pieces }: {
    readonly descr: string;
    readonly shape: readonly number[];
    readonly pieces: () => Iterable<Uint8Array>;
  },
): Promise<void> {
  const bytes = function* () {
    yield encodeHeader(descr, shape);
    yield* pieces();
  };
  // Sizes and checksum follow the data, which is then passed on as it comes.
  await writeEntries(path, [[name, bytes]], { dataDescriptor: true, zip64: true });
}

type Entry = readonly [name: string, pieces: () => Iterable<Uint8Array>];

async function writeEntries(
  path: string,
  entries: readonly Entry[],
  options: { readonly dataDescriptor: boolean; readonly zip64?: boolean },
): Promise<void> {
  await replaceFile(path, async (append) => {
    const writer = new ZipWriter(new WritableStream<Uint8Array>({ write: append }), {
      level: 0,
      useWebWorkers: false,
      lastModDate: ENTRY_DATE,
      extendedTimestamp: false,
      ...options,
    });
    for (const [name, pieces] of entries) {
      await writer.add(`${name}.npy`, ReadableStream.from(pieces()));
    }
    await writer.close();
  });
}
