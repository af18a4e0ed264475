import { arrange, BLOCK, paddedSizes } from "./cpu_pack.ts";
import type { Geometry } from "./geometry.ts";

/** Names of the areas in a lane's scratch. */
export type BackwardArea =
  | "keys"
  | "keyRows"
  | "values"
  | "keyGrads"
  | "valueGrads"
  | "queries"
  | "grads"
  | "scores"
  | "slopes"
  | "queryGrads"
  | "deltas"
  | "row";

/** Byte offsets in a lane's scratch: O(N D) for a key head, and a block of rows of scores. */
export function backwardScratch(
  g: Geometry,
): { readonly at: Readonly<Record<BackwardArea, number>>; readonly bytes: number } {
  const size = paddedSizes(g);
  const head = size.tokens * size.channelRow;
  return arrange<BackwardArea>({
    keys: size.scoreRow * g.headDim,
    keyRows: head,
    values: size.scoreRow * g.headDim,
    keyGrads: head,
    valueGrads: head,
    queries: BLOCK * size.channelRow,
    grads: BLOCK * size.channelRow,
    scores: BLOCK * size.scoreRow,
    slopes: BLOCK * size.scoreRow,
    queryGrads: BLOCK * size.channelRow,
    deltas: 4 * BLOCK,
    row: size.channelRow,
  });
}
