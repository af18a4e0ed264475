import type { DType } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { type Expr, f32, i32, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";

/** Elements worth handing to another worker. */
const GRAIN = 4096;

function loadAsF32(address: Expr<"i32">, dtype: DType): Expr<"f32"> {
  if (dtype === "i32") return f32.convert_i32_s(i32.load(address));
  return dtype === "u32" ? f32.convert_i32_u(i32.load(address)) : f32.load(address);
}

/** A work item is one element of the value. */
export function logRowCpu(ring: Spec, value: Spec, column: number): CpuPlan {
  const [capacity, width] = ring.shape;
  const build = () =>
    kernelModule((f) => {
      const [to, rng, from] = f.pointers(3);
      const at = i32.add(i32.mul(i32.rem_u(i32.load(rng, 8), capacity), width), column);
      const target = f.localI32("target", i32.add(to, i32.shl(at, 2)));
      f.forRange(f.begin, f.end, 1, (i) => {
        const offset = f.localI32("offset", i32.shl(i, 2));
        f.storeF32(i32.add(target, offset), loadAsF32(i32.add(from, offset), value.dtype));
      });
    });
  return {
    calls: [{
      key: `log_row ${capacity} ${width} ${column} ${value.dtype}`,
      build,
      bindings: [0, 1, 2],
      range: sizeOf(value.shape),
      grain: GRAIN,
    }],
  };
}
