import { sizeOf } from "../../engine/core/shape.ts";

/** The elements of an array, in the type that holds them exactly; truth values are bytes of 0 and 1. */
export type NumpyData =
  | Float16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/** An array in host memory, row-major whatever the order of its file. */
export interface NumpyArray {
  /** Extents, outermost first; empty for a 0-dimensional array. An extent may be 0. */
  readonly shape: readonly number[];
  /** The elements. */
  readonly data: NumpyData;
}

/** A NumPy type of numbers. */
export interface NumpyType {
  /** Kind and bytes, as in `f8`: NumPy's name without the byte order. */
  readonly code: string;
  /** Bytes of an element. */
  readonly bytes: number;
  /** Whether the most significant byte comes first. */
  readonly bigEndian: boolean;
}

type Wrap = (buffer: ArrayBuffer) => NumpyData;

const TYPES: ReadonlyMap<string, Wrap> = new Map<string, Wrap>([
  ["f2", (buffer) => new Float16Array(buffer)],
  ["f4", (buffer) => new Float32Array(buffer)],
  ["f8", (buffer) => new Float64Array(buffer)],
  ["i1", (buffer) => new Int8Array(buffer)],
  ["u1", (buffer) => new Uint8Array(buffer)],
  ["b1", (buffer) => new Uint8Array(buffer)],
  ["i2", (buffer) => new Int16Array(buffer)],
  ["u2", (buffer) => new Uint16Array(buffer)],
  ["i4", (buffer) => new Int32Array(buffer)],
  ["u4", (buffer) => new Uint32Array(buffer)],
  ["i8", (buffer) => new BigInt64Array(buffer)],
  ["u8", (buffer) => new BigUint64Array(buffer)],
]);

/** Names of the types that are read, for errors. */
export const TYPE_NAMES: string = [...TYPES.keys()].join(", ");

/** The type that a `descr` string like `<f8` stands for; undefined where it is none that is read. */
export function typeOf(descr: string): NumpyType | undefined {
  const [, order, code, digits] = descr.match(/^([<>|])([a-z](\d))$/) ?? [];
  const bytes = Number(digits);
  if (!TYPES.has(code) || (order === "|" && bytes > 1)) return undefined;
  return { code, bytes, bigEndian: order === ">" };
}

/** The `descr` string of an array's elements. */
export function descrOf(data: NumpyData): string {
  const kind = data instanceof BigInt64Array || data.constructor.name.startsWith("Int")
    ? "i"
    : data.constructor.name.startsWith("Float")
    ? "f"
    : "u";
  return `${data.BYTES_PER_ELEMENT === 1 ? "|" : "<"}${kind}${data.BYTES_PER_ELEMENT}`;
}

/**
 * Turns the bytes of a file into an array. They are changed in place where their byte order is another.
 *
 * @param bytes as many as the shape wants, the only ones of their buffer
 * @param fortranOrder whether the first index runs fastest
 */
export function decodeArray(
  { code, bytes: width, bigEndian }: NumpyType,
  shape: readonly number[],
  bytes: Uint8Array<ArrayBuffer>,
  fortranOrder: boolean,
): NumpyArray {
  if (bigEndian && width > 1) {
    for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
  }
  const data = TYPES.get(code)!(bytes.buffer);
  return { shape, data: fortranOrder && shape.length > 1 ? rowMajor(data, shape) : data };
}

/** Reorders elements whose first index runs fastest. */
function rowMajor(data: NumpyData, shape: readonly number[]): NumpyData {
  const result = data.slice();
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const index = new Array<number>(shape.length).fill(0);
  for (let to = 0, from = 0; to < data.length; to++) {
    result[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/** The elements as f64; 64-bit integers beyond 2^53 are rounded. */
export function asFloat64({ data }: NumpyArray): Float64Array<ArrayBuffer> {
  if (data instanceof Float64Array) return data;
  return Float64Array.from({ length: data.length }, (_, i) => Number(data[i]));
}
