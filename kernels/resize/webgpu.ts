import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import bilinearSource from "./bilinear.wgsl" with { type: "text" };
import bilinearBackwardSource from "./bilinear_backward.wgsl" with { type: "text" };
import type { ResizeGeometry } from "./geometry.ts";
import nearestSource from "./nearest.wgsl" with { type: "text" };
import nearestBackwardSource from "./nearest_backward.wgsl" with { type: "text" };
import positionsSource from "./positions.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** One invocation an element of the result, or of the source. */
function launch(
  source: string,
  { planes, rows, columns }: ResizeGeometry,
  each: "from" | "to",
  limits: Limits,
): Launch {
  const count = planes * rows[each] * columns[each];
  return {
    source,
    overrides: {
      ...{ SIZE: count, ROWS: rows.from, COLUMNS: columns.from },
      ...{ OUT_ROWS: rows.to, OUT_COLUMNS: columns.to },
    },
    bindings: [0, 1],
    groups: gridOf(Math.ceil(count / WORKGROUP), limits),
  };
}

function placed(part: Launch, { rows, columns }: ResizeGeometry): Launch {
  const overrides = { ...part.overrides, ROW_OFFSET: rows.offset, COLUMN_OFFSET: columns.offset };
  return { ...part, source: positionsSource + part.source, overrides };
}

/** One launch over the result. */
export function nearestWebGpu(geometry: ResizeGeometry, limits: Limits): WebGpuPlan {
  return { launches: [launch(nearestSource, geometry, "to", limits)] };
}

/** One launch over the source. */
export function nearestBackwardWebGpu(geometry: ResizeGeometry, limits: Limits): WebGpuPlan {
  return { launches: [launch(nearestBackwardSource, geometry, "from", limits)] };
}

/** One launch over the result. */
export function bilinearWebGpu(geometry: ResizeGeometry, limits: Limits): WebGpuPlan {
  return { launches: [placed(launch(bilinearSource, geometry, "to", limits), geometry)] };
}

/** One launch over the source. */
export function bilinearBackwardWebGpu(geometry: ResizeGeometry, limits: Limits): WebGpuPlan {
  return { launches: [placed(launch(bilinearBackwardSource, geometry, "from", limits), geometry)] };
}
