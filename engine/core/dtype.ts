/**
 * Element types of tensors. Source: DESIGN section 4.
 *
 * `f16` is for storage only: kernels read it as `f32`, compute in `f32`, and round what they write. See
 * `docs/adr/0013-mixed-precision.md`.
 */
export type DType = "f32" | "f16" | "i32" | "u32";

/** Dtypes of floating-point numbers, which gradients flow through. */
export type Float = "f32" | "f16";

/** The host array that holds a tensor's elements outside the `reference` device. */
export type HostArray =
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** Bytes of a word: of one element of every dtype but `f16`. */
export const BYTES_PER_ELEMENT = 4;

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return dtype === "f16" ? 2 : BYTES_PER_ELEMENT;
}

/** Whether elements are floating-point numbers. */
export function isFloat(dtype: DType): dtype is Float {
  return dtype === "f32" || dtype === "f16";
}

/** The float dtype of what is computed from operands of some dtypes: `f16` where all floats among them are, else `f32`. */
export function commonFloat(dtypes: readonly DType[]): Float {
  return dtypes.includes("f16") && !dtypes.includes("f32") ? "f16" : "f32";
}

/** Makes a zeroed host array of `length` elements. */
export function hostArray(dtype: DType, length: number): HostArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(length);
    case "f16":
      return new Float16Array(length);
    case "i32":
      return new Int32Array(length);
    case "u32":
      return new Uint32Array(length);
  }
}

/** Little-endian bytes as elements; bytes beyond `length` elements are left out. */
export function elementsOf(dtype: DType, bytes: ArrayBuffer, length: number): HostArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(bytes, 0, length);
    case "f16":
      return new Float16Array(bytes, 0, length);
    case "i32":
      return new Int32Array(bytes, 0, length);
    case "u32":
      return new Uint32Array(bytes, 0, length);
  }
}

/** The dtype whose elements `array` holds. */
export function dtypeOf(array: HostArray): DType {
  if (array instanceof Float32Array) return "f32";
  if (array instanceof Float16Array) return "f16";
  return array instanceof Int32Array ? "i32" : "u32";
}
