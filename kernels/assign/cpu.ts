import { BYTES_PER_ELEMENT } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { i32, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";

const GRAIN = 1 << 16;

/** One bulk copy for each part of the range; a work item is an element. */
export function assignCpu(target: Spec): CpuPlan {
  return {
    calls: [{
      key: "assign",
      build: () =>
        kernelModule((f) => {
          const [to, from] = f.pointers(2);
          const offset = f.localI32("offset", i32.mul(f.begin, BYTES_PER_ELEMENT));
          const bytes = i32.mul(i32.sub(f.end, f.begin), BYTES_PER_ELEMENT);
          f.copy(i32.add(to, offset), i32.add(from, offset), bytes);
        }),
      bindings: [0, 1],
      range: sizeOf(target.shape),
      grain: GRAIN,
    }],
  };
}
