/**
 * The header of a safetensors file: a 64-bit little-endian length, then that many bytes of JSON. All checks on
 * untrusted files are made here, before a tensor is read.
 *
 * Source: the format's description and rules in github.com/huggingface/safetensors.
 *
 * @module
 */
import { CheckpointError } from "../core/errors.ts";
import type { ByteSource } from "./byte_source.ts";
import { findDuplicateKey } from "./json_keys.ts";

/** Element types of the format that are recognised. */
export type SafetensorsDType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "F8_E4M3"
  | "F8_E5M2"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

const BYTES: ReadonlyMap<string, number> = new Map(
  Object.entries(
    {
      F64: 8,
      F32: 4,
      F16: 2,
      BF16: 2,
      F8_E4M3: 1,
      F8_E5M2: 1,
      I64: 8,
      I32: 4,
      I16: 2,
      I8: 1,
      U64: 8,
      U32: 4,
      U16: 2,
      U8: 1,
      BOOL: 1,
    } satisfies Record<SafetensorsDType, number>,
  ),
);

/** Bytes of one element. */
export function bytesOf(dtype: SafetensorsDType): number {
  return BYTES.get(dtype)!;
}

/** Bytes of the length field that opens a file. */
export const LENGTH_BYTES = 8;

/** Longest header that is read, as in the format's own library. */
const MAX_HEADER_BYTES = 100_000_000;

/** One tensor of a file; offsets are in bytes from the file's first. */
export interface TensorInfo {
  /** Element type in the file. */
  readonly dtype: SafetensorsDType;
  /** Dimensions, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Offset of the first byte. */
  readonly begin: number;
  /** Offset after the last byte. */
  readonly end: number;
}

/** What the header tells. */
export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The entries of `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads and checks a header. Ranges must cover the data exactly, without a hole and without overlap.
 *
 * @throws {CheckpointError} naming the file and its defect
 */
export function readHeader(source: ByteSource): SafetensorsHeader {
  const refuse: Refuse = (defect) => {
    throw new CheckpointError(`Cannot read ${source.path}: ${defect}`);
  };
  const length = readLength(source, refuse);
  const header = parseObject(source.read(LENGTH_BYTES, LENGTH_BYTES + length), refuse);
  const dataBegin = LENGTH_BYTES + length;
  const dataSize = source.size - dataBegin;
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = checkMetadata(value, refuse);
    else tensors.set(name, checkTensor(name, value, dataBegin, dataSize, refuse));
  }
  checkCoverage(tensors, dataBegin, source.size, refuse);
  return { tensors, metadata };
}

/** A name from a file as it is shown in an error: quoted, on one line, of bounded length. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? name.slice(0, 200) + "..." : name);
}

type Refuse = (defect: string) => never;

function readLength(source: ByteSource, refuse: Refuse): number {
  if (source.size < LENGTH_BYTES) {
    return refuse(`the file has ${source.size} bytes, the header's length alone takes ${LENGTH_BYTES}`);
  }
  const bytes = source.read(0, LENGTH_BYTES);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  const rest = source.size - LENGTH_BYTES;
  if (length > BigInt(rest)) {
    return refuse(`the header claims ${length} bytes, ${rest} follow in the file`);
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    return refuse(`the header claims ${length} bytes, at most ${MAX_HEADER_BYTES} are allowed`);
  }
  return Number(length);
}

function parseObject(bytes: Uint8Array, refuse: Refuse): object {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("the header is not UTF-8");
  }
  if (!text.startsWith("{")) return refuse("the header does not begin with {");
  let header: object;
  try {
    header = JSON.parse(text);
  } catch {
    return refuse("the header is not valid JSON");
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) return refuse(`the header names ${quote(duplicate)} twice`);
  return header;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkMetadata(value: unknown, refuse: Refuse): Record<string, string> {
  if (!isObject(value)) return refuse("__metadata__ is not an object");
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== "string") {
      return refuse(`__metadata__ entry ${quote(key)} must be a string, got ${typeof text}`);
    }
    return [key, text];
  });
  // Object.fromEntries defines own properties, so that a key "__proto__" is a key like any other.
  return Object.fromEntries(entries);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function checkTensor(
  name: string,
  value: unknown,
  dataBegin: number,
  dataSize: number,
  refuse: Refuse,
): TensorInfo {
  const tensor = `tensor ${quote(name)}`;
  if (!isObject(value)) return refuse(`${tensor} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const width = typeof dtype === "string" ? BYTES.get(dtype) : undefined;
  if (width === undefined) return refuse(`${tensor} has unknown dtype ${brief(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return refuse(`${tensor} must have a shape of whole numbers, got ${brief(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return refuse(`${tensor} must have two whole numbers as data_offsets, got ${brief(offsets)}`);
  }
  const [begin, end] = offsets as number[];
  if (begin > end) return refuse(`${tensor} begins at ${begin}, after its end at ${end}`);
  if (end > dataSize) {
    return refuse(`${tensor} ends at byte ${end} of the data, which has ${dataSize} bytes`);
  }
  let bytes = width;
  for (const dim of shape as number[]) {
    bytes *= dim;
    if (bytes > Number.MAX_SAFE_INTEGER) return refuse(`${tensor} has an impossible shape ${brief(shape)}`);
  }
  if (bytes !== end - begin) {
    return refuse(`${tensor}, ${dtype} of shape ${brief(shape)}, needs ${bytes} bytes, got ${end - begin}`);
  }
  return { dtype: dtype as SafetensorsDType, shape, begin: dataBegin + begin, end: dataBegin + end };
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "none";
  return text.length > 100 ? text.slice(0, 100) + "..." : text;
}

function checkCoverage(
  tensors: ReadonlyMap<string, TensorInfo>,
  dataBegin: number,
  fileSize: number,
  refuse: Refuse,
): void {
  const sorted = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = dataBegin;
  let previous = "";
  for (const [name, { begin, end }] of sorted) {
    if (begin < covered) refuse(`tensors ${quote(previous)} and ${quote(name)} overlap`);
    if (begin > covered) refuse(`${begin - covered} bytes before tensor ${quote(name)} belong to no tensor`);
    covered = end;
    previous = name;
  }
  if (covered < fileSize) refuse(`the last ${fileSize - covered} bytes belong to no tensor`);
}
