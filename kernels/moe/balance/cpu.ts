import { f32, f64, i32, type KernelBuilder, kernelModule } from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../../engine/kernel.ts";

/** One item: three passes over E numbers. */
export function balanceCpu(experts: number, rate: number): CpuPlan {
  return {
    calls: [{
      key: `update_balance_bias ${experts} ${rate}`,
      build: () => kernelModule((f) => updateBias(f, experts, rate)),
      bindings: [0, 1, 2],
      range: 1,
      grain: 1,
    }],
  };
}

function updateBias(f: KernelBuilder, experts: number, rate: number): void {
  const [bias, counts, gate] = f.pointers(3);
  f.if(f32.lt(f32.load(gate), 0), () => f.return());
  const total = f.localI32("total", 0), sum = f.localF64("sum", 0);
  f.forRange(0, 4 * experts, 4, (at) => total.set(i32.add(total, i32.load(i32.add(counts, at)))));
  f.forRange(0, 4 * experts, 4, (at) => {
    const load = f.localI32("load", i32.mul(i32.load(i32.add(counts, at)), experts));
    const sign = i32.sub(i32.gt_s(total, load), i32.lt_s(total, load));
    const here = f.localI32("here", i32.add(bias, at));
    const moved = f.localF32("moved", f32.add(f32.load(here), f32.mul(rate, f32.convert_i32_s(sign))));
    f.storeF32(here, moved);
    sum.set(f64.add(sum, f64.promote_f32(moved)));
  });
  const mean = f.localF32("mean", f32.demote_f64(f64.div(sum, experts)));
  f.forRange(0, 4 * experts, 4, (at) => {
    const here = f.localI32("here", i32.add(bias, at));
    f.storeF32(here, f32.sub(f32.load(here), mean));
  });
}
