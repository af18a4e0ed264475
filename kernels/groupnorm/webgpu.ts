import { f32, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import { rowLaunch } from "../reduce/rows.ts";
import { variantsOf } from "../variants.ts";
import { type Groups, groupsOf } from "./geometry.ts";
import momentsSource from "./group_moments.wgsl" with { type: "text" };
import statisticsSource from "./group_statistics.wgsl" with { type: "text" };
import source from "./groupnorm.wgsl" with { type: "text" };
import backwardSource from "./groupnorm_backward.wgsl" with { type: "text" };
import channelsSource from "./groupnorm_channels.wgsl" with { type: "text" };
import meansSource from "./groupnorm_means.wgsl" with { type: "text" };
import planesSource from "./groupnorm_planes.wgsl" with { type: "text" };
import type { GroupNormAttrs } from "./kernel.ts";

const WORKGROUP = 256;
/** Elements of a chunk: 16 for each invocation of a workgroup. */
const CHUNK = 4096;
/** Elements of a chunk that is one invocation's: short, so that its sum is accurate and there is work for all. */
const CHUNK_OF_INVOCATION = 512;

function chunkOf(limits: Limits): number {
  return variantsOf(limits).widestRowOfInvocation > 0 ? CHUNK_OF_INVOCATION : CHUNK;
}

/** The statistics of every group in two launches, by way of those of its chunks. */
function statisticsLaunches(
  geometry: Groups,
  eps: number,
  limits: Limits,
  slots: { readonly x: Slot; readonly moments: Slot; readonly statistics: Slot },
): { readonly launches: readonly Launch[]; readonly scratch: readonly Spec[] } {
  const { rows, width } = geometry;
  const chunk = Math.min(width, chunkOf(limits));
  const chunks = Math.ceil(width / chunk);
  const moments = rowLaunch({ rows: rows * chunks, width: chunk }, limits, {
    source: momentsSource,
    partial: "vec2f",
    overrides: { GROUP_SIZE: width, CHUNKS: chunks },
    bindings: [slots.x, slots.moments],
  });
  const statistics = rowLaunch({ rows, width: chunks }, limits, {
    source: statisticsSource,
    partial: "vec2f",
    overrides: { GROUP_SIZE: width, EPS: eps },
    bindings: [slots.moments, slots.statistics],
  });
  return { launches: [moments, statistics], scratch: [f32(rows * chunks, 4), f32(rows, 4)] };
}

/** One invocation an element. */
function elementLaunch(source: string, geometry: Groups, bindings: readonly Slot[], limits: Limits): Launch {
  const { batch, channels, pixels, width } = geometry;
  const size = batch * channels * pixels;
  return {
    source,
    overrides: { SIZE: size, CHANNELS: channels, PIXELS: pixels, GROUP_SIZE: width },
    bindings,
    groups: gridOf(Math.ceil(size / WORKGROUP), limits),
  };
}

/** Three launches: moments of chunks, statistics of groups, elements. */
export function groupnormWebGpu([x]: readonly Spec[], attrs: GroupNormAttrs, limits: Limits): WebGpuPlan {
  const geometry = groupsOf("groupnorm", x, attrs.groups);
  const slots = { x: 0, moments: 4, statistics: 5 };
  const { launches, scratch } = statisticsLaunches(geometry, attrs.eps, limits, slots);
  const last = elementLaunch(source, geometry, [0, 1, 2, slots.statistics, 3], limits);
  return { launches: [...launches, last], scratch };
}

/** Six launches: the statistics again, sums of channels, what groups and weights make of them, elements. */
export function groupnormBackwardWebGpu(
  [, x]: readonly Spec[],
  attrs: GroupNormAttrs,
  limits: Limits,
): WebGpuPlan {
  const geometry = groupsOf("groupnorm_backward", x, attrs.groups);
  const { batch, channels, pixels, groupChannels, rows, width } = geometry;
  const [moments, statistics, planes, means] = [6, 7, 8, 9];
  const first = statisticsLaunches(geometry, attrs.eps, limits, { x: 1, moments, statistics });
  const chunk = Math.min(pixels, chunkOf(limits));
  const chunks = Math.ceil(pixels / chunk);
  const planesLaunch = rowLaunch({ rows: batch * channels * chunks, width: chunk }, limits, {
    source: planesSource,
    partial: "vec2f",
    overrides: { PIXELS: pixels, CHUNKS: chunks, GROUP_CHANNELS: groupChannels },
    bindings: [0, 1, statistics, planes],
  });
  const meansLaunch = rowLaunch({ rows, width: groupChannels * chunks }, limits, {
    source: meansSource,
    partial: "vec2f",
    overrides: { GROUP_SIZE: width, GROUP_CHANNELS: groupChannels, CHANNELS: channels },
    bindings: [planes, 2, means],
  });
  const channelsLaunch = rowLaunch({ rows: channels, width: batch * chunks }, limits, {
    source: channelsSource,
    partial: "vec2f",
    overrides: { CHANNELS: channels, CHUNKS: chunks },
    bindings: [planes, 4, 5],
  });
  const last = elementLaunch(backwardSource, geometry, [0, 1, 2, statistics, means, 3], limits);
  return {
    launches: [...first.launches, planesLaunch, meansLaunch, channelsLaunch, last],
    scratch: [...first.scratch, f32(batch * channels * chunks, 2), f32(rows, 2)],
  };
}
