import {
  f32,
  f64,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { type AdvanceAttrs, ALWAYS, HALTED, IDLE } from "./attrs.ts";

/** One item: a few hundred slots that mean anything, and the gaps between them. */
export function advanceCpu(slots: number, attrs: AdvanceAttrs): CpuPlan {
  return {
    calls: [{
      key: `adamw_advance ${slots} ${attrs.beta1} ${attrs.beta2}`,
      build: () => kernelModule((f) => advanceSlots(f, slots, attrs)),
      bindings: [0, 1, 2, 3, 4, 5, 6, 7],
      range: 1,
      grain: 1,
    }],
  };
}

/** `1 - beta^t` by repeated squaring in f64, whose 53 bits survive the subtraction. */
function oneMinusPower(f: KernelBuilder, beta: number, t: Local<"i32">): Local<"f32"> {
  const power = f.localF64("power", 1), square = f.localF64("square", beta), bits = f.localI32("bits", t);
  f.while(bits, () => {
    f.if(i32.and(bits, 1), () => power.set(f64.mul(power, square)));
    square.set(f64.mul(square, square));
    bits.set(i32.shr_u(bits, 1));
  });
  return f.localF32("rest", f32.demote_f64(f64.sub(1, power)));
}

function advanceSlots(f: KernelBuilder, slots: number, { beta1, beta2 }: AdvanceAttrs): void {
  const [steps, correction, hyper, gate, counts, source, decay, coefficients] = f.pointers(8);
  const rate = f.localF32("rate", f32.load(hyper)), factor = f.localF32("factor", f32.load(gate));
  const isHalted = f.localI32("isHalted", f32.lt(factor, 0));
  f.forCount(slots, (slot) => {
    const at = f.localI32("at", i32.shl(slot, 2));
    const to = f.localI32("to", i32.add(coefficients, i32.shl(slot, 4)));
    const from = f.localI32("from", i32.load(i32.add(source, at)));
    const active = f.localI32("active", i32.eq(from, ALWAYS));
    f.if(i32.ge_s(from, 0), () => active.set(i32.load(i32.add(counts, i32.shl(from, 2)))));
    f.if(i32.or(isHalted, i32.eqz(active)), () => {
      f.fill(to, 0, 12);
      f.storeF32(to, f32.select(isHalted, HALTED, IDLE), 12);
    }, () => {
      const t = f.localI32("t", i32.add(i32.load(i32.add(steps, at)), 1));
      f.storeI32(i32.add(steps, at), t);
      const c1 = oneMinusPower(f, beta1, t), c2 = oneMinusPower(f, beta2, t);
      const pair = f.localI32("pair", i32.add(correction, i32.shl(slot, 3)));
      f.storeF32(pair, c1);
      f.storeF32(pair, c2, 4);
      f.storeF32(to, f32.mul(rate, f32.load(i32.add(decay, at))));
      f.storeF32(to, f32.div(rate, c1), 4);
      f.storeF32(to, f32.div(1, f32.sqrt(c2)), 8);
      f.storeF32(to, factor, 12);
    });
  });
}
