import { type ByteSource, memorySource } from "./byte_source.ts";
import { readPickle } from "./pickle.ts";
import { MAX_PICKLE_BYTES, PickleCursor } from "./pickle_cursor.ts";
import { CheckpointError } from "../core/errors.ts";
import { quote } from "./safetensors_header.ts";
import type { TorchContent } from "./torch_content.ts";
import { storageOf, TORCH_GLOBALS } from "./torch_values.ts";
import { ZipArchive } from "./zip.ts";

/**
 * Reads the layout of PyTorch since 1.6: a zip archive of one folder of any name, with the object in `data.pkl`, each
 * storage in `data/<key>`, and the byte order in `byteorder` where it is not missing.
 *
 * @throws {CheckpointError} when the file is broken, hostile or not of this layout
 */
export async function openZip(source: ByteSource): Promise<TorchContent> {
  const archive = await ZipArchive.open(source);
  const refuse = (defect: string): never => {
    throw new CheckpointError(`Cannot read ${source.path}: ${defect}`);
  };
  const pickles = [...archive.entries.values()].filter(({ name }) => /^(?:[^/]+\/)?data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    return refuse(`it is a zip archive but not a PyTorch file, it has ${pickles.length || "no"} data.pkl`);
  }
  const [{ name, size }] = pickles;
  if (size > MAX_PICKLE_BYTES) {
    refuse(`${quote(name)} has ${size} bytes, at most ${MAX_PICKLE_BYTES} are read`);
  }
  const folder = name.slice(0, -"data.pkl".length);
  const order = byteOrder(archive, `${folder}byteorder`);
  if (order !== "little" && order !== "big") {
    refuse(`its byteorder is ${quote(order)}, wanted little or big`);
  }
  const cursor = new PickleCursor(memorySource(archive.read(name), source.path));
  const entry = (key: string) => `${folder}data/${key}`;
  return {
    value: readPickle(cursor, { globals: TORCH_GLOBALS, persistent: storageOf }),
    bigEndian: order === "big",
    size: (key) => archive.entries.get(entry(key))?.size,
    where: (key) => `entry ${quote(entry(key))}`,
    read: (key, begin, end) => archive.readRange(entry(key), begin, end),
  };
}

function byteOrder(archive: ZipArchive, name: string): string {
  const entry = archive.entries.get(name);
  if (!entry) return "little";
  return entry.size > 10 ? "" : new TextDecoder().decode(archive.read(name)).trim();
}
