import type { View } from "../../engine/kernel.ts";
import type { Rows } from "./layout.ts";

/** Calls `visit(packed, whole)` with the two positions of every element of segment `s`. */
function eachElement(
  { outer, width, segments }: Rows,
  s: number,
  visit: (packed: number, whole: number) => void,
): void {
  const { at, run } = segments[s];
  for (let row = 0; row < outer; row++) {
    for (let j = 0; j < run; j++) visit(row * run + j, row * width + at + j);
  }
}

/** Copies each segment of `x` to its own output. */
export function splitReference(x: View, outputs: readonly View[], rows: Rows): void {
  outputs.forEach((out, s) => {
    eachElement(rows, s, (packed, whole) => out.data[packed] = x.data[whole]);
  });
}

/** Copies each input to its segment of `out`. */
export function concatReference(inputs: readonly View[], out: View, rows: Rows): void {
  inputs.forEach((x, s) => {
    eachElement(rows, s, (packed, whole) => out.data[whole] = x.data[packed]);
  });
}
