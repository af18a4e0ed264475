import { sizeOf } from "../core/shape.ts";

/** A view of a block of elements; lengths are in elements. */
export interface View {
  readonly shape: readonly number[];
  /** Elements from one index to the next; 0 repeats, none is negative. */
  readonly stride: readonly number[];
}

/** Elements from the first of a view to its last, inclusive; 0 where it is empty. */
export function spanOf({ shape, stride }: View): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((span, dim, i) => span + (dim - 1) * stride[i], 1);
}

/** Whether the elements of a view follow one another in row-major order. */
export function isContiguous({ shape, stride }: View): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

/**
 * Copies a view into row-major order.
 *
 * @param bytes from the view's first element to its last
 * @param width bytes of an element: 1, 2, 4 or 8
 */
export function gatherView(
  bytes: Uint8Array<ArrayBuffer>,
  view: View,
  width: number,
): Uint8Array<ArrayBuffer> {
  if (view.shape.includes(0)) return new Uint8Array(0);
  if (isContiguous(view)) return bytes;
  const { shape, stride } = view;
  const source = elementsOf(bytes.buffer, width);
  const buffer = new ArrayBuffer(sizeOf(shape) * width);
  const target = elementsOf(buffer, width);
  const last = shape.length - 1;
  const index = shape.map(() => 0);
  let row = 0;
  for (let at = 0; at < target.length; at += shape[last]) {
    for (let i = 0; i < shape[last]; i++) target[at + i] = source[row + i * stride[last]];
    for (let d = last - 1; d >= 0; d--) {
      row += stride[d];
      if (++index[d] < shape[d]) break;
      row -= shape[d] * stride[d];
      index[d] = 0;
    }
  }
  return new Uint8Array(buffer);
}

type Elements = { readonly length: number; [index: number]: number | bigint };

/** Reverses the bytes of every element, in place. */
export function swapBytes(bytes: Uint8Array<ArrayBuffer>, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

// Integers, because a copy of a float may change the bits of a NaN.
function elementsOf(buffer: ArrayBuffer, width: number): Elements {
  if (width === 1) return new Uint8Array(buffer);
  if (width === 2) return new Uint16Array(buffer);
  return width === 4 ? new Uint32Array(buffer) : new BigUint64Array(buffer) as Elements;
}
