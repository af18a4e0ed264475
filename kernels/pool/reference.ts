import type { View } from "../../engine/kernel.ts";
import { type PoolGeometry, windowSpan } from "./geometry.ts";

/** Visits every window: the first element of its plane in the image, its own number, its rows and its columns. */
function eachWindow(
  geometry: PoolGeometry,
  visit: (plane: number, o: number, rows: readonly number[], columns: readonly number[]) => void,
): void {
  const { planes, size, out } = geometry;
  for (let o = 0; o < planes * out[0] * out[1]; o++) {
    const plane = Math.floor(o / (out[0] * out[1])) * size[0] * size[1];
    visit(
      plane,
      o,
      windowSpan(geometry, 0, Math.floor(o / out[1]) % out[0]),
      windowSpan(geometry, 1, o % out[1]),
    );
  }
}

/** The first position of the largest element of a window, in row-major order. */
function largest(
  x: View["data"],
  plane: number,
  width: number,
  [top, bottom]: readonly number[],
  [left, right]: readonly number[],
): number {
  let best = plane + top * width + left;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const at = plane + row * width + column;
      if (x[at] > x[best]) best = at;
    }
  }
  return best;
}

/** The largest element of every window. */
export function maxPoolReference(x: View, y: View, geometry: PoolGeometry): void {
  eachWindow(geometry, (plane, o, rows, columns) => {
    y.data[o] = x.data[largest(x.data, plane, geometry.size[1], rows, columns)];
  });
}

/** Adds the gradient of every window to that of its first largest element; `dx` starts at zero. */
export function maxPoolBackwardReference(g: View, x: View, dx: View, geometry: PoolGeometry): void {
  eachWindow(geometry, (plane, o, rows, columns) => {
    dx.data[largest(x.data, plane, geometry.size[1], rows, columns)] += g.data[o];
  });
}

/** What a window's sum is divided by. */
function divisor(
  { kernel }: PoolGeometry,
  [top, bottom]: readonly number[],
  [left, right]: readonly number[],
  countPadding: boolean,
): number {
  return countPadding ? kernel[0] * kernel[1] : (bottom - top) * (right - left);
}

/** The mean of every window. */
export function avgPoolReference(x: View, y: View, geometry: PoolGeometry, countPadding: boolean): void {
  const width = geometry.size[1];
  eachWindow(geometry, (plane, o, rows, columns) => {
    let sum = 0;
    for (let row = rows[0]; row < rows[1]; row++) {
      for (let column = columns[0]; column < columns[1]; column++) {
        sum += x.data[plane + row * width + column];
      }
    }
    y.data[o] = sum / divisor(geometry, rows, columns, countPadding);
  });
}

/** Spreads the gradient of every window over its elements; `dx` starts at zero. */
export function avgPoolBackwardReference(
  g: View,
  dx: View,
  geometry: PoolGeometry,
  countPadding: boolean,
): void {
  const width = geometry.size[1];
  eachWindow(geometry, (plane, o, rows, columns) => {
    const share = g.data[o] / divisor(geometry, rows, columns, countPadding);
    for (let row = rows[0]; row < rows[1]; row++) {
      for (let column = columns[0]; column < columns[1]; column++) {
        dx.data[plane + row * width + column] += share;
      }
    }
  });
}
