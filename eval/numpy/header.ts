import { CheckpointError } from "../../engine/core/errors.ts";
import { type NumpyType, TYPE_NAMES, typeOf } from "./array.ts";
import { type Dictionary, type Literal, parseLiteral } from "./literal.ts";

/** The header of an `.npy` file. */
export interface NumpyHeader {
  /** Format version: 1.0, 2.0 or 3.0. */
  readonly version: readonly [number, number];
  /** NumPy's name of the element type, as in `<f8`. */
  readonly descr: string;
  /** Type of the elements. */
  readonly type: NumpyType;
  /** Extents, outermost first. */
  readonly shape: readonly number[];
  /** Whether the first index runs fastest in the file. */
  readonly fortranOrder: boolean;
  /** Where the elements start. */
  readonly dataOffset: number;
}

/** The first bytes of every `.npy` file: 0x93 "NUMPY". */
export const NPY_MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Longest header that is read; those of plain arrays that NumPy writes have 118 bytes. */
const MAX_HEADER_BYTES = 1 << 20;

const MAX_RANK = 64;

/** Reads the bytes `[begin, end)`. */
export type ReadBytes = (begin: number, end: number) => Uint8Array<ArrayBuffer>;

/**
 * Reads and checks the header of an `.npy` file. The dictionary in it is parsed, never evaluated.
 *
 * Source: NumPy's `numpy.lib.format`, versions 1.0 to 3.0.
 *
 * @param what opens an error, as in `Cannot read mu of stats.npz`
 * @param size bytes of the whole file, which the header has to agree with
 * @throws {CheckpointError} naming the defect: no magic, an unknown version, a header that is cut, too long or not a
 *   literal, a missing key, a type that is not one of numbers, an impossible shape, or data of another length
 */
export function readHeader(what: string, size: number, read: ReadBytes): NumpyHeader {
  const refuse: Refuse = (defect, cause) => {
    throw new CheckpointError(`${what}: ${defect}`, { cause });
  };
  if (size < 10) refuse(`it has ${size} bytes, too few for an .npy file`);
  const start = read(0, Math.min(size, 12));
  if (!NPY_MAGIC.every((byte, i) => start[i] === byte)) refuse("it is not an .npy file, its magic is wrong");
  const version = [start[6], start[7]] as const;
  if (version[0] < 1 || version[0] > 3 || version[1] !== 0) {
    refuse(`it has format version ${version.join(".")}, wanted 1.0, 2.0 or 3.0`);
  }
  const wide = version[0] > 1;
  if (wide && size < 12) refuse("its header is cut");
  const view = new DataView(start.buffer);
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const textOffset = wide ? 12 : 10;
  const dataOffset = textOffset + length;
  if (dataOffset > size) {
    refuse(`its header is cut: ${length} bytes announced, ${size - textOffset} found`);
  }
  if (length > MAX_HEADER_BYTES) refuse(`its header has ${length} bytes, at most ${MAX_HEADER_BYTES} wanted`);
  const text = new TextDecoder(version[0] === 3 ? "utf-8" : "latin1").decode(read(textOffset, dataOffset));
  const fields = fieldsOf(text, refuse);
  const { descr, type } = typeIn(fields, refuse);
  const shape = shapeIn(fields, refuse);
  checkLength(shape, type, size - dataOffset, refuse);
  return { version, descr, type, shape, fortranOrder: fields.get("fortran_order") === true, dataOffset };
}

type Refuse = (defect: string, cause?: unknown) => never;

function fieldsOf(text: string, refuse: Refuse): Dictionary {
  let parsed: Literal;
  try {
    parsed = parseLiteral(text);
  } catch (cause) {
    return refuse(`its header is malformed: ${(cause as Error).message}`, cause);
  }
  if (!(parsed instanceof Map)) return refuse("its header is malformed: it is not a dictionary");
  for (const key of ["descr", "fortran_order", "shape"]) {
    if (!parsed.has(key)) refuse(`its header has no "${key}"`);
  }
  const order = parsed.get("fortran_order");
  if (typeof order !== "boolean") {
    refuse(`its header has fortran_order ${show(order)}, wanted True or False`);
  }
  return parsed;
}

function typeIn(fields: Dictionary, refuse: Refuse): { descr: string; type: NumpyType } {
  const descr = fields.get("descr");
  if (Array.isArray(descr)) {
    return refuse(`it has a structured dtype of ${descr.length} fields, wanted plain numbers`);
  }
  if (typeof descr !== "string") return refuse(`its dtype ${show(descr)} is not the name of a type`);
  if (/^[<>|=]?O/.test(descr)) {
    return refuse(`it holds Python objects (dtype ${show(descr)}), whose pickle is not read; wanted numbers`);
  }
  const type = typeOf(descr);
  return type ? { descr, type } : refuse(`its dtype ${show(descr)} is not one of ${TYPE_NAMES}`);
}

function shapeIn(fields: Dictionary, refuse: Refuse): readonly number[] {
  const shape = fields.get("shape");
  const fits = Array.isArray(shape) && shape.length <= MAX_RANK &&
    shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
  if (!fits) {
    return refuse(`its shape ${show(shape)} is not a tuple of at most ${MAX_RANK} whole numbers from 0`);
  }
  return shape as readonly number[];
}

function checkLength(shape: readonly number[], type: NumpyType, found: number, refuse: Refuse): void {
  const wanted = shape.reduce((product, extent) => product * BigInt(extent), BigInt(type.bytes));
  if (wanted !== BigInt(found)) {
    refuse(`its shape [${shape.join(", ")}] of ${type.code} wants ${wanted} bytes, it holds ${found}`);
  }
}

/** A value as an error names it, cut where it is long. */
function show(value: Literal | undefined): string {
  const text = JSON.stringify(value, (_, item) => item instanceof Map ? Object.fromEntries(item) : item) ??
    "";
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
