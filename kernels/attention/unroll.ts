import { closing } from "../../engine/device/webgpu/wgsl.ts";

/** A loop from 0 to a constant, or to a product of constants. */
const LOOP = /for \(var (\w+) = 0u; \1 < ([A-Z_ *]+); \1\+\+\) \{/;

/**
 * Writes out the loops of a WGSL text that run over registers, so that each index is a constant in any compiler:
 * `for (var r = 0u; r < ROWS; r++) { .. }` becomes `{ const r = 0u; .. } { const r = 1u; .. }`. Other loops stay.
 *
 * @param counts names of constants, and products of them, that bound the loops to write out
 */
export function unrolled(source: string, counts: Readonly<Record<string, number>>): string {
  let [result, rest] = ["", source];
  for (let match = LOOP.exec(rest); match; match = LOOP.exec(rest)) {
    const [head, name, bound] = match;
    const count = bound.split("*").reduce((product, factor) => product * (counts[factor.trim()] ?? NaN), 1);
    const start = match.index + head.length;
    result += rest.slice(0, match.index);
    if (Number.isNaN(count)) {
      result += head;
      rest = rest.slice(start);
      continue;
    }
    const end = closing(rest, start, "{}") - 1;
    const body = unrolled(rest.slice(start, end), counts);
    result += Array.from({ length: count }, (_, i) => `{ const ${name} = ${i}u; ${body}}`).join("\n");
    rest = rest.slice(end + 1);
  }
  return result + rest;
}
