import { ShapeError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { byteLength, expectDTypes, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Kernel } from "../../engine/kernel.ts";
import { logRowCpu } from "./cpu.ts";
import source from "./log_row.wgsl" with { type: "text" };
import { logRowReference } from "./reference.ts";

/** Attributes of `log_row`. */
export interface LogRowAttrs {
  /** Column of the first element. */
  readonly column: number;
}

const WORKGROUP = 64;

function checkRow(ring: Spec, rng: Spec, value: Spec, column: number): void {
  const width = ring.shape[1];
  const fits = Number.isInteger(column) && column >= 0 && column + sizeOf(value.shape) <= width;
  if (ring.shape.length !== 2 || sizeOf(rng.shape) !== 3 || !fits) {
    throw new ShapeError(
      `Cannot log ${formatSpec(value)} to column ${column} of ${formatSpec(ring)} at step of ${
        formatSpec(rng)
      }: ` +
        `wanted f32[capacity, width] with room in the row, and u32[3]`,
    );
  }
}

/** The `log_row` kernel: writes to its first input and has no output. */
export const LOG_ROW: Kernel<LogRowAttrs> = {
  name: "log_row",
  mutates: [0],
  infer(inputs, { column }) {
    const [ring, rng, value] = inputs;
    expectDTypes("log_row", inputs, ["f32", "u32", !value || value.dtype === "f16" ? "f32" : value.dtype]);
    checkRow(ring, rng, value, column);
    return [];
  },
  cost: ([, rng, value]) => ({
    flops: 0,
    bytesRead: byteLength(rng) + byteLength(value),
    bytesWritten: byteLength(value),
  }),
  reference: ([ring, rng, value], _outputs, { column }) => logRowReference(ring, rng, value, column),
  webgpu([ring, , value], { column }, limits) {
    const [capacity, width] = ring.shape;
    const size = sizeOf(value.shape);
    return {
      launches: [{
        source: `alias Value = ${value.dtype};\n${source}`,
        overrides: { workgroup_size: WORKGROUP, capacity, width, column, size },
        bindings: [0, 1, 2],
        groups: gridOf(Math.ceil(size / WORKGROUP), limits),
      }],
    };
  },
  cpu: ([ring, , value], { column }) => logRowCpu(ring, value, column),
};
