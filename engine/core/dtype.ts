/** Element types of tensors. Source: DESIGN section 4. */
export type DType = "f32" | "i32" | "u32";

/** The host array that holds a tensor's elements outside the `reference` device. */
export type HostArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** Bytes of one element; every dtype of the engine is four bytes wide. */
export const BYTES_PER_ELEMENT = 4;

/** Makes a zeroed host array of `length` elements. */
export function hostArray(dtype: DType, length: number): HostArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(length);
    case "i32":
      return new Int32Array(length);
    case "u32":
      return new Uint32Array(length);
  }
}

/** The dtype whose elements `array` holds. */
export function dtypeOf(array: HostArray): DType {
  if (array instanceof Float32Array) return "f32";
  return array instanceof Int32Array ? "i32" : "u32";
}
