import type { View } from "../../engine/kernel.ts";
import { type Groups, groupsOf } from "./geometry.ts";
import type { GroupNormAttrs } from "./kernel.ts";

/** Mean and `1 / sqrt(variance + eps)` of `width` numbers from `start` on. */
function statistics(data: View["data"], start: number, width: number, eps: number): [number, number] {
  let mean = 0;
  for (let i = 0; i < width; i++) mean += data[start + i] / width;
  let variance = 0;
  for (let i = 0; i < width; i++) variance += (data[start + i] - mean) ** 2 / width;
  return [mean, 1 / Math.sqrt(variance + eps)];
}

/** The channel of element `i` of group `row`. */
function channelOf({ channels, pixels, groupChannels }: Groups, row: number, i: number): number {
  return (row * groupChannels + Math.floor(i / pixels)) % channels;
}

/** `(x - mean) / sqrt(variance + eps) * weight + bias` of every group, in f64. */
export function groupnormReference(
  [x, weight, bias]: readonly View[],
  y: View,
  { groups, eps }: GroupNormAttrs,
): void {
  const geometry = groupsOf("groupnorm", x.spec, groups);
  const { rows, width } = geometry;
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const [mean, scale] = statistics(x.data, start, width, eps);
    for (let i = 0; i < width; i++) {
      const c = channelOf(geometry, row, i);
      y.data[start + i] = (x.data[start + i] - mean) * scale * weight.data[c] + bias.data[c];
    }
  }
}

/** Gradients of input, weight and bias, in f64; the latter two start at zero. */
export function groupnormBackwardReference(
  [g, x, weight]: readonly View[],
  [dx, dweight, dbias]: readonly View[],
  { groups, eps }: GroupNormAttrs,
): void {
  const geometry = groupsOf("groupnorm_backward", x.spec, groups);
  const { rows, width } = geometry;
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const [mean, scale] = statistics(x.data, start, width, eps);
    let [meanH, meanHn] = [0, 0];
    for (let i = 0; i < width; i++) {
      const c = channelOf(geometry, row, i);
      const normal = (x.data[start + i] - mean) * scale;
      const h = g.data[start + i] * weight.data[c];
      dweight.data[c] += g.data[start + i] * normal;
      dbias.data[c] += g.data[start + i];
      meanH += h / width;
      meanHn += h * normal / width;
    }
    for (let i = 0; i < width; i++) {
      const normal = (x.data[start + i] - mean) * scale;
      const h = g.data[start + i] * weight.data[channelOf(geometry, row, i)];
      dx.data[start + i] = scale * (h - meanH - normal * meanHn);
    }
  }
}
