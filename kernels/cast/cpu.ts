import { BYTES_PER_ELEMENT } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { i32, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../engine/kernel.ts";

const GRAIN = 1 << 16;

/** A bulk copy for each tensor: the CPU device has no float but f32. */
export function castCpu(inputs: readonly Spec[]): CpuPlan {
  return {
    calls: inputs.map(({ shape }, i): CpuCall => ({
      key: "cast f32",
      build: () =>
        kernelModule((f) => {
          const [from, to] = f.pointers(2);
          const offset = f.localI32("offset", i32.mul(f.begin, BYTES_PER_ELEMENT));
          const bytes = i32.mul(i32.sub(f.end, f.begin), BYTES_PER_ELEMENT);
          f.copy(i32.add(to, offset), i32.add(from, offset), bytes);
        }),
      bindings: [i, inputs.length + i],
      range: sizeOf(shape),
      grain: GRAIN,
    })),
  };
}
