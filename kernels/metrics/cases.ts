import type { HostArray } from "../../engine/core/dtype.ts";
import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, i32, type Spec, u32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase, KernelSuite } from "../../engine/kernel.ts";
import { LOG_ROW, type LogRowAttrs } from "./kernel.ts";

function valueOf({ dtype, shape }: Spec): HostArray {
  const count = sizeOf(shape);
  const random = new Philox(3, 1);
  if (dtype === "f32") return random.normals(count);
  // Whole numbers up to 2^24 are exact in f32.
  const numbers = random.integers(count, 1 << 24);
  return dtype === "i32" ? Int32Array.from(numbers, (n, i) => i % 2 ? -n : n) : numbers;
}

function logCase(
  name: string,
  ring: Spec,
  value: Spec,
  column: number,
  step: number,
): KernelCase<LogRowAttrs> {
  return {
    name,
    inputs: [ring, u32(3), value],
    attrs: { column },
    values: () => [new Float32Array(sizeOf(ring.shape)).fill(-1), Uint32Array.of(1, 2, step), valueOf(value)],
    tolerance: { strict: 0, relaxed: 0 },
  };
}

const logRow: KernelSuite<LogRowAttrs> = {
  kernel: LOG_ROW,
  cases: [
    logCase("one element", f32(1, 1), f32(), 0, 0),
    logCase("the last row", f32(7, 5), f32(2), 3, 6),
    logCase("the ring wraps", f32(7, 13), i32(11), 2, 4_294_967_295),
    logCase("a flag", f32(3, 4), u32(1), 3, 4),
    logCase("more than one workgroup", f32(2, 1009), f32(1000), 9, 1),
    logCase("more than 65,535 workgroups", f32(1, 4_194_400), f32(4_194_305), 7, 9),
  ],
};

/** Sizes of `log_row`. */
export const suites: readonly AnySuite[] = [logRow];
