import type { View } from "../../engine/kernel.ts";
import { type AdamwAttrs, type AdvanceAttrs, ALWAYS, COEFFICIENTS, HALTED, IDLE, NEVER } from "./attrs.ts";

/** The definition of `adamw_advance`; inputs as in `advance.ts`. */
export function advanceReference(
  [steps, correction, hyper, gate, counts, source, decay]: readonly View[],
  [coefficients]: readonly View[],
  { beta1, beta2 }: AdvanceAttrs,
): void {
  const [rate, factor] = [hyper.data[0], gate.data[0]];
  steps.data.forEach((before: number, slot: number) => {
    const to = COEFFICIENTS * slot;
    const from = source.data[slot];
    const active = from === ALWAYS || (from !== NEVER && counts.data[from] !== 0);
    if (factor < 0 || !active) {
      coefficients.data[to + 3] = factor < 0 ? HALTED : IDLE;
      return;
    }
    const c1 = correction.data[2 * slot] = 1 - beta1 ** (before + 1);
    const c2 = correction.data[2 * slot + 1] = 1 - beta2 ** (before + 1);
    steps.data[slot] = before + 1;
    coefficients.data.set([rate * decay.data[slot], rate / c1, 1 / Math.sqrt(c2), factor], to);
  });
}

/** The definition of `adamw` and `adamw_ema`; inputs as in `kernel.ts`. */
export function adamwReference(
  [param, m, v, grad, coefficients, slots, ema]: readonly View[],
  { beta1, beta2, eps, emaDecay, line }: AdamwAttrs,
): void {
  for (let i = 0; i < param.data.length; i++) {
    const row = COEFFICIENTS * slots.data[Math.floor(i / line)];
    const [decay, rate, scale, factor] = coefficients.data.subarray(row, row + COEFFICIENTS);
    if (factor === HALTED) continue;
    if (factor >= 0) {
      const g = grad.data[i] * factor;
      m.data[i] = beta1 * m.data[i] + (1 - beta1) * g;
      v.data[i] = beta2 * v.data[i] + (1 - beta2) * g * g;
      param.data[i] -= decay * param.data[i] + rate * m.data[i] / (Math.sqrt(v.data[i]) * scale + eps);
    }
    if (ema) ema.data[i] = emaDecay! * ema.data[i] + (1 - emaDecay!) * param.data[i];
  }
}

/** The definition of `ema_update`. */
export function emaReference(ema: View, value: View, gate: View, decay: number): void {
  if (gate.data[0] < 0) return;
  value.data.forEach((x: number, i: number) => ema.data[i] = decay * ema.data[i] + (1 - decay) * x);
}
