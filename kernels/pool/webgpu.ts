import { u32 } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import avgSource from "./avg_pool.wgsl" with { type: "text" };
import avgBackwardSource from "./avg_pool_backward.wgsl" with { type: "text" };
import type { PoolGeometry } from "./geometry.ts";
import maxSource from "./max_pool.wgsl" with { type: "text" };
import maxBackwardSource from "./max_pool_backward.wgsl" with { type: "text" };
import positionsSource from "./max_pool_positions.wgsl" with { type: "text" };
import windowsSource from "./windows.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** One invocation a window, or one an element of the image. */
function launch(
  source: string,
  { planes, size, out, kernel, stride, padding }: PoolGeometry,
  each: "window" | "element",
  bindings: readonly Slot[],
  limits: Limits,
): Launch {
  const [rows, columns] = each === "window" ? out : size;
  const count = planes * rows * columns;
  return {
    source: windowsSource + source,
    overrides: {
      SIZE: count,
      ...{ ROWS: size[0], COLUMNS: size[1], OUT_ROWS: out[0], OUT_COLUMNS: out[1] },
      ...{ KERNEL_ROWS: kernel[0], KERNEL_COLUMNS: kernel[1] },
      ...{ STRIDE_ROWS: stride[0], STRIDE_COLUMNS: stride[1] },
      ...{ PADDING_ROWS: padding[0], PADDING_COLUMNS: padding[1] },
    },
    bindings,
    groups: gridOf(Math.ceil(count / WORKGROUP), limits),
  };
}

function counting(part: Launch, countPadding: boolean): Launch {
  return { ...part, overrides: { ...part.overrides, COUNT_PADDING: Number(countPadding) } };
}

/** One launch over windows. */
export function maxPoolWebGpu(geometry: PoolGeometry, limits: Limits): WebGpuPlan {
  return { launches: [launch(maxSource, geometry, "window", [0, 1], limits)] };
}

/** Positions of the largest elements, then a gather over elements. */
export function maxPoolBackwardWebGpu(geometry: PoolGeometry, limits: Limits): WebGpuPlan {
  const { planes, out } = geometry;
  return {
    launches: [
      launch(positionsSource, geometry, "window", [1, 3], limits),
      launch(maxBackwardSource, geometry, "element", [0, 3, 2], limits),
    ],
    scratch: [u32(planes * out[0] * out[1])],
  };
}

/** One launch over windows. */
export function avgPoolWebGpu(geometry: PoolGeometry, countPadding: boolean, limits: Limits): WebGpuPlan {
  return { launches: [counting(launch(avgSource, geometry, "window", [0, 1], limits), countPadding)] };
}

/** One launch over elements. */
export function avgPoolBackwardWebGpu(
  geometry: PoolGeometry,
  countPadding: boolean,
  limits: Limits,
): WebGpuPlan {
  return {
    launches: [counting(launch(avgBackwardSource, geometry, "element", [0, 1], limits), countPadding)],
  };
}
