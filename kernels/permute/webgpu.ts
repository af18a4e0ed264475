import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { directionsOf, type Loop, loopsOf, MAX_RANK } from "./layout.ts";
import gatherSource from "./permute_gather.wgsl" with { type: "text" };
import tiledSource from "./permute_tiled.wgsl" with { type: "text" };

const WORKGROUP = 64;
const TILE = 16;
const NO_LOOP: Loop = { size: 1, from: 0, to: 0 };

/** Puts loops of size 1 in front. */
function padded(loops: readonly Loop[], rank: number): readonly Loop[] {
  return [...Array.from({ length: rank - loops.length }, () => NO_LOOP), ...loops];
}

function gather(loops: readonly Loop[], size: number, limits: Limits): Launch {
  const overrides: Record<string, number> = { workgroup_size: WORKGROUP, size };
  padded(loops, MAX_RANK).forEach((loop, d) => {
    if (d > 0) overrides[`size${d}`] = loop.size;
    overrides[`stride${d}`] = loop.from;
  });
  const groups = gridOf(Math.ceil(size / WORKGROUP), limits);
  return { source: gatherSource, overrides, bindings: [0, 1], groups };
}

function tiled(a: Loop, b: Loop, others: readonly Loop[], limits: Limits): Launch {
  const tilesA = Math.ceil(a.size / TILE);
  const tilesB = Math.ceil(b.size / TILE);
  const count = others.reduce((product, loop) => product * loop.size, tilesA * tilesB);
  const overrides: Record<string, number> = {
    ...{ count, tiles_a: tilesA, tiles_b: tilesB },
    ...{ a_size: a.size, a_to: a.to, b_size: b.size, b_from: b.from },
  };
  padded(others, MAX_RANK - 2).forEach((loop, d) => {
    if (d > 0) overrides[`size${d}`] = loop.size;
    overrides[`from${d}`] = loop.from;
    overrides[`to${d}`] = loop.to;
  });
  return { source: tiledSource, overrides, bindings: [0, 1], groups: gridOf(count, limits) };
}

/** Tiles where both the read and the write direction fill one; a gather where rows stay rows or are short. */
export function permuteWebGpu(shape: Shape, order: readonly number[], limits: Limits): WebGpuPlan {
  const loops = loopsOf(shape, order);
  const { a, b, others, crossed } = directionsOf(loops);
  return { launches: [crossed >= TILE ? tiled(a, b, others, limits) : gather(loops, sizeOf(shape), limits)] };
}
