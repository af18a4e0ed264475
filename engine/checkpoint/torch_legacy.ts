import type { ByteSource } from "./byte_source.ts";
import { readPickle } from "./pickle.ts";
import { PickleCursor } from "./pickle_cursor.ts";
import { PickleTuple, type PickleValue } from "./pickle_values.ts";
import { bytesOf, quote } from "./safetensors_header.ts";
import type { TorchContent } from "./torch_content.ts";
import { STORAGE_DTYPES, storageOf, TORCH_GLOBALS, type TorchStorage } from "./torch_values.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** Bytes of the element count in front of each storage. */
const COUNT_BYTES = 8;

/**
 * Reads the layout of PyTorch before 1.6: five pickles one after another (magic, protocol, system, object, list of
 * storage keys), then each storage as a count and raw little-endian elements.
 *
 * @throws {CheckpointError} when the file is broken, hostile or not of this layout
 */
export function openLegacy(source: ByteSource): TorchContent {
  const cursor = new PickleCursor(source);
  const storages = new Map<string, TorchStorage>();
  const persistent = (id: PickleValue) => {
    const storage = storageOf(id);
    if (storage) storages.set(storage.key, storage);
    return storage;
  };
  const next = (begin = cursor.position) => {
    const own = new PickleCursor(source, begin);
    const value = readPickle(own, { globals: TORCH_GLOBALS, persistent });
    return { value, end: own.position };
  };
  const magic = next();
  if (magic.value !== MAGIC) cursor.refuse("it is not a PyTorch file, its magic number is wrong");
  const protocol = next(magic.end);
  if (protocol.value !== PROTOCOL) {
    cursor.refuse(
      `its legacy format has the version ${String(protocol.value).slice(0, 50)}, wanted ${PROTOCOL}`,
    );
  }
  const system = next(protocol.end);
  const object = next(system.end);
  const keys = next(object.end);
  const ranges = locate(source, keys.value, keys.end, storages, (defect) => cursor.refuse(defect));
  return {
    value: object.value,
    bigEndian: false,
    size: (key) => ranges.get(key)?.size,
    where: (key) => `storage ${quote(key)}`,
    read(key, begin, end) {
      const { position } = ranges.get(key)!;
      return source.read(position + begin, position + end);
    },
  };
}

interface Range {
  readonly position: number;
  readonly size: number;
}

/** Finds every storage, before anything is allocated for one. */
function locate(
  source: ByteSource,
  keys: PickleValue,
  begin: number,
  storages: ReadonlyMap<string, TorchStorage>,
  refuse: (defect: string) => never,
): Map<string, Range> {
  const list = keys instanceof PickleTuple ? keys.items : keys;
  if (!Array.isArray(list)) return refuse("the list of its storages is not a list");
  const ranges = new Map<string, Range>();
  let position = begin;
  for (const key of list as readonly PickleValue[]) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || ranges.has(storage.key)) {
      return refuse("the list of its storages names one twice or one that no tensor uses");
    }
    const what = `storage ${quote(storage.key)}`;
    const dtype = STORAGE_DTYPES.get(storage.className);
    if (!dtype) return refuse(`${what} has the type ${storage.className}, which is not read`);
    const size = storage.count * bytesOf(dtype);
    const left = source.size - position;
    const count = left < COUNT_BYTES
      ? undefined
      : new DataView(source.read(position, position + COUNT_BYTES).buffer).getBigInt64(0, true);
    if (count !== undefined && count !== BigInt(storage.count)) {
      refuse(`${what} has ${count} elements, wanted ${storage.count} as its pickle says`);
    }
    if (COUNT_BYTES + size > left) {
      refuse(`the file is cut, ${what} takes ${COUNT_BYTES + size} bytes and ${left} are left`);
    }
    ranges.set(storage.key, { position: position + COUNT_BYTES, size });
    position += COUNT_BYTES + size;
  }
  return ranges;
}
