import type { View } from "../../engine/kernel.ts";
import { nearestOf, positionOf, type ResizeGeometry } from "./geometry.ts";

/** Visits every element of the result: its number, its plane's first element in the source, its row and column. */
function eachElement(
  { planes, rows, columns }: ResizeGeometry,
  visit: (o: number, plane: number, row: number, column: number) => void,
): void {
  for (let o = 0; o < planes * rows.to * columns.to; o++) {
    const plane = Math.floor(o / (rows.to * columns.to)) * rows.from * columns.from;
    visit(o, plane, Math.floor(o / columns.to) % rows.to, o % columns.to);
  }
}

/** Copies the nearest element. */
export function nearestReference(x: View, y: View, geometry: ResizeGeometry): void {
  const { rows, columns } = geometry;
  eachElement(geometry, (o, plane, row, column) => {
    y.data[o] = x.data[plane + nearestOf(rows, row) * columns.from + nearestOf(columns, column)];
  });
}

/** Adds every gradient to the element that was copied; `dx` starts at zero. */
export function nearestBackwardReference(g: View, dx: View, geometry: ResizeGeometry): void {
  const { rows, columns } = geometry;
  eachElement(geometry, (o, plane, row, column) => {
    dx.data[plane + nearestOf(rows, row) * columns.from + nearestOf(columns, column)] += g.data[o];
  });
}

/** Visits the four neighbours of an element and their weights. */
function eachNeighbour(
  { rows, columns }: ResizeGeometry,
  row: number,
  column: number,
  visit: (at: number, weight: number) => void,
): void {
  const [r, c] = [positionOf(rows, row), positionOf(columns, column)];
  visit(r.low * columns.from + c.low, (1 - r.weight) * (1 - c.weight));
  visit(r.low * columns.from + c.high, (1 - r.weight) * c.weight);
  visit(r.high * columns.from + c.low, r.weight * (1 - c.weight));
  visit(r.high * columns.from + c.high, r.weight * c.weight);
}

/** The weighted sum of four neighbours. */
export function bilinearReference(x: View, y: View, geometry: ResizeGeometry): void {
  eachElement(geometry, (o, plane, row, column) => {
    let sum = 0;
    eachNeighbour(geometry, row, column, (at, weight) => sum += weight * x.data[plane + at]);
    y.data[o] = sum;
  });
}

/** Adds every gradient to four neighbours by their weights; `dx` starts at zero. */
export function bilinearBackwardReference(g: View, dx: View, geometry: ResizeGeometry): void {
  eachElement(geometry, (o, plane, row, column) => {
    eachNeighbour(geometry, row, column, (at, weight) => dx.data[plane + at] += weight * g.data[o]);
  });
}
