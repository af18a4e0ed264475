import { f32, type Spec } from "../../engine/core/spec.ts";
import type { CpuCall, CpuPlan, CpuScratch, Slot } from "../../engine/kernel.ts";
import { channelsCall, meansCall, planesCall } from "./cpu_sums.ts";
import { backwardCall, forwardCall } from "./cpu_elements.ts";
import { momentsCall, statisticsCall } from "./cpu_statistics.ts";
import { blocksOf, CHUNK } from "./cpu_blocks.ts";
import { type Groups, groupsOf } from "./geometry.ts";
import type { GroupNormAttrs } from "./kernel.ts";

/** Moments of chunks, then statistics of groups; both go to scratch buffers. */
function statisticsCalls(
  { rows, width }: Groups,
  eps: number,
  slots: { readonly x: Slot; readonly moments: Slot; readonly statistics: Slot },
): { readonly calls: readonly CpuCall[]; readonly scratch: readonly CpuScratch[] } {
  const chunks = blocksOf(width, CHUNK);
  return {
    calls: [
      { ...momentsCall(rows, chunks), bindings: [slots.x, slots.moments] },
      { ...statisticsCall(rows, chunks, eps), bindings: [slots.moments, slots.statistics] },
    ],
    scratch: [{ spec: f32(rows * chunks.count, 4) }, { spec: f32(rows, 4) }],
  };
}

/** Three calls: moments of chunks, statistics of groups, elements. */
export function groupnormCpu([x]: readonly Spec[], { groups, eps }: GroupNormAttrs): CpuPlan {
  const geometry = groupsOf("groupnorm", x, groups);
  const slots = { x: 0, moments: 4, statistics: 5 };
  const { calls, scratch } = statisticsCalls(geometry, eps, slots);
  const last = { ...forwardCall(geometry), bindings: [0, 1, 2, slots.statistics, 3] };
  return { calls: [...calls, last], scratch };
}

/** Six calls: the statistics again, sums of channels, what groups and weights make of them, elements. */
export function groupnormBackwardCpu(
  [, x]: readonly Spec[],
  { groups, eps }: GroupNormAttrs,
): CpuPlan {
  const geometry = groupsOf("groupnorm_backward", x, groups);
  const { batch, channels, pixels, rows } = geometry;
  const [moments, statistics, planes, means] = [6, 7, 8, 9];
  const first = statisticsCalls(geometry, eps, { x: 1, moments, statistics });
  const blocks = blocksOf(pixels, CHUNK);
  return {
    calls: [
      ...first.calls,
      { ...planesCall(geometry, blocks), bindings: [0, 1, statistics, planes] },
      { ...meansCall(geometry, blocks), bindings: [planes, 2, means] },
      { ...channelsCall(geometry, blocks), bindings: [planes, 4, 5] },
      { ...backwardCall(geometry), bindings: [0, 1, 2, statistics, means, 3] },
    ],
    scratch: [...first.scratch, { spec: f32(batch * channels * blocks.count, 2) }, { spec: f32(rows, 2) }],
  };
}
