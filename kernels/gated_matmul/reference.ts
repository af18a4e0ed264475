import type { View } from "../../engine/kernel.ts";
import { matmulReference } from "../matmul/reference.ts";
import { groupedMatmulReference } from "../moe/grouped_matmul/reference.ts";
import type { GroupedGatedAttrs } from "./sizes.ts";

/** `hidden = silu(gate) * up`. */
function fillHidden([gate, up, hidden]: readonly View[]): void {
  gate.data.forEach((g: number, i: number) => hidden.data[i] = g / (1 + Math.exp(-g)) * up.data[i]);
}

/** Both products and what is made of them, in f64. */
export function gatedLinearReference([x, gate, up]: readonly View[], outputs: readonly View[]): void {
  matmulReference([x, gate], [outputs[0]], { transA: false, transB: true });
  matmulReference([x, up], [outputs[1]], { transA: false, transB: true });
  fillHidden(outputs);
}

/** The same with an expert's weights for each row. */
export function groupedGatedReference(
  [x, gate, up, ...plan]: readonly View[],
  outputs: readonly View[],
  { tile }: GroupedGatedAttrs,
): void {
  groupedMatmulReference([x, gate, ...plan], [outputs[0]], { tile, transposeWeight: true });
  groupedMatmulReference([x, up, ...plan], [outputs[1]], { tile, transposeWeight: true });
  fillHidden(outputs);
}
