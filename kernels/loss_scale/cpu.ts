import { f32, i32, type KernelBuilder, kernelModule, type Local } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import type { ScaledGateAttrs } from "./mod.ts";

/** One item. */
export function scaledGateCpu(attrs: ScaledGateAttrs): CpuPlan {
  return {
    calls: [{
      key: `scaled_gate ${JSON.stringify(attrs)}`,
      build: () => kernelModule((f) => decide(f, attrs)),
      bindings: [0, 1, 2, 3, 4, 5, 6],
      range: 1,
      grain: 1,
    }],
  };
}

function decide(f: KernelBuilder, { maxNorm, growEvery, most }: ScaledGateAttrs): void {
  const [norm, loss, halted, scale, good, gate, unscaled] = f.pointers(7);
  const below = (from: Local<"i32">) => f32.lt(f32.abs(f32.load(from)), Infinity);
  const bounded = f.localI32("bounded", below(norm));
  const finite = f.localI32("finite", i32.and(bounded, below(loss)));
  const factor = f.localF32("factor", f32.load(scale));
  const plain = f.localF32("plain", f32.div(f32.load(norm), factor));
  f.storeF32(unscaled, f32.select(bounded, plain, Infinity));
  f.storeF32(gate, f32.const(-1));
  f.if(i32.and(i32.eqz(finite), f32.le(factor, 1)), () => f.storeI32(halted, 1));
  f.if(i32.eqz(i32.load(halted)), () =>
    f.if(finite, () => {
      const clip = maxNorm === null ? f32.const(1) : f32.min(1, f32.div(maxNorm, f32.add(plain, 1e-6)));
      f.storeF32(gate, f32.div(clip, factor));
      const count = f.localI32("count", i32.add(i32.load(good), 1));
      f.storeI32(good, count);
      f.if(i32.ge_s(count, growEvery), () => {
        f.storeF32(scale, f32.min(f32.mul(factor, 2), most));
        f.storeI32(good, 0);
      });
    }, () => {
      f.storeF32(scale, f32.div(factor, 2));
      f.storeI32(good, 0);
    }));
}
