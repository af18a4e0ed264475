import { crc32, deflateRawSync } from "node:zlib";
import {
  PickleDict,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
} from "../../../engine/checkpoint/pickle_values.ts";
import { writePickle } from "../../../engine/checkpoint/pickle_writer.ts";
import { TorchStorage } from "../../../engine/checkpoint/torch_values.ts";

/** A view in a pickle that is made by hand. */
export interface ViewFields {
  readonly storage?: string;
  readonly key?: string;
  readonly count: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

class View extends TorchStorage {
  constructor(readonly fields: ViewFields) {
    super(fields.storage ?? "torch.FloatStorage", fields.key ?? "0", fields.count);
  }
}

/** A tensor to put into `pickleOf()`. */
export function view(fields: ViewFields): PickleValue {
  return new View(fields);
}

/** A dict of these items. */
export function dict(items: Readonly<Record<string, PickleValue>>): PickleDict {
  const own = new PickleDict();
  for (const [key, value] of Object.entries(items)) own.set(key, value);
  return own;
}

/** The pickle of a tree with views. */
export function pickleOf(tree: PickleValue, legacy = false): Uint8Array<ArrayBuffer> {
  return writePickle(tree, (object) => {
    if (object instanceof View) {
      const { offset = 0, shape, stride } = object.fields;
      const storage = new TorchStorage(object.className, object.key, object.count);
      const sizes = [shape, stride].map((items) => new PickleTuple([...items]));
      const hooks = new PickleDict("collections.OrderedDict");
      return { call: "torch._utils._rebuild_tensor_v2", args: [storage, offset, ...sizes, false, hooks] };
    }
    if (!(object instanceof TorchStorage)) return undefined;
    const id = ["storage", new PickleGlobal(object.className, {}), object.key, "cpu", object.count];
    return { persistent: legacy ? [...id, null] : id };
  });
}

/** An entry of a zip archive that is made by hand. */
export interface ZipPart {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly deflate?: boolean;
  /** Bytes that the directory announces, where they are not those that are there. */
  readonly announced?: number;
}

/** A zip archive as other programs write it: unaligned, with data descriptors, deflated where asked. */
export function zipOf(parts: readonly ZipPart[]): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes, deflate = false, announced } of parts) {
    const path = new TextEncoder().encode(name);
    const data = deflate ? new Uint8Array(deflateRawSync(bytes)) : bytes;
    const size = announced ?? bytes.length;
    const method = deflate ? 8 : 0;
    const local = fields([4, 0x04034b50], [2, 20], [2, 0x0808], [2, method], [4, 0], [4, 0], [4, 0], [4, 0], [
      2,
      path.length,
    ], [2, 0]);
    const descriptor = fields([4, 0x08074b50], [4, crc32(bytes)], [4, data.length], [4, size]);
    directory.push(
      fields(
        [4, 0x02014b50],
        [2, 20],
        [2, 20],
        [2, 0x0808],
        [2, method],
        [4, 0],
        [4, crc32(bytes)],
        [
          4,
          data.length,
        ],
        [4, size],
        [2, path.length],
        [2, 0],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, offset],
      ),
      path,
    );
    for (const chunk of [local, path, data, descriptor]) {
      chunks.push(chunk);
      offset += chunk.length;
    }
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const count = parts.length;
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, offset], [2, 0]);
  return joined([...chunks, ...directory, end]);
}

/** A file of the zip layout. */
export function torchZip(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>>,
  more: readonly ZipPart[] = [],
): Uint8Array<ArrayBuffer> {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, bytes }));
  return zipOf([{ name: "archive/data.pkl", bytes: pickle }, ...data, ...more]);
}

/** A file of the legacy layout. */
export function torchLegacy(
  pickle: Uint8Array,
  storages: Readonly<Record<string, { readonly count: number; readonly bytes: Uint8Array }>>,
  magic: bigint = 0x1950a86a20f9469cfc6cn,
): Uint8Array<ArrayBuffer> {
  return joined([
    writePickle(magic),
    writePickle(1001),
    writePickle(dict({ protocol_version: 1001, little_endian: true })),
    pickle,
    writePickle(Object.keys(storages)),
    ...Object.values(storages).flatMap(({ count, bytes }) => [fields([8, count]), bytes]),
  ]);
}

/** Bytes of opcodes, with text where text is given. */
export function opcodes(...parts: readonly (string | number | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return joined(
    parts.map((part) =>
      typeof part === "number"
        ? Uint8Array.of(part)
        : typeof part === "string"
        ? new TextEncoder().encode(part)
        : part
    ),
  );
}

/** Little-endian fields of some width each. */
export function fields(...list: readonly (readonly [width: number, value: number])[]): Uint8Array {
  return Uint8Array.from(
    list.flatMap(([width, value]) =>
      Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256)
    ),
  );
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
