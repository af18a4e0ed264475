import type { View } from "../../engine/kernel.ts";
import type { AdamwAttrs } from "./attrs.ts";

/** The definition of `adamw` and `adamw_ema`; inputs as in `kernel.ts`. */
export function adamwReference(inputs: readonly View[], attrs: AdamwAttrs): void {
  const [param, , , steps, correction, , hyper, gate, active, ema] = inputs;
  if (gate.data[0] < 0) return;
  const groups = steps.data.length;
  const each = param.data.length / groups;
  for (let g = 0; g < groups; g++) {
    if (active.data[g] === 0) continue;
    steps.data[g] += 1;
    correction.data[2 * g] = 1 - attrs.beta1 ** steps.data[g];
    correction.data[2 * g + 1] = 1 - attrs.beta2 ** steps.data[g];
    const [c1, c2] = correction.data.subarray(2 * g, 2 * g + 2);
    for (let i = g * each; i < (g + 1) * each; i++) {
      updateElement(inputs, i, { c1, c2, rate: hyper.data[0], factor: gate.data[0] }, attrs);
    }
  }
  if (ema) emaReference(ema, param, gate, attrs.emaDecay!);
}

function updateElement(
  [param, m, v, , , grad]: readonly View[],
  i: number,
  { c1, c2, rate, factor }: { c1: number; c2: number; rate: number; factor: number },
  { beta1, beta2, eps, weightDecay }: AdamwAttrs,
): void {
  const g = grad.data[i] * factor;
  param.data[i] *= 1 - rate * weightDecay;
  m.data[i] = beta1 * m.data[i] + (1 - beta1) * g;
  v.data[i] = beta2 * v.data[i] + (1 - beta2) * g * g;
  param.data[i] -= rate * (m.data[i] / c1) / (Math.sqrt(v.data[i] / c2) + eps);
}

/** The definition of `ema_update`. */
export function emaReference(ema: View, value: View, gate: View, decay: number): void {
  if (gate.data[0] < 0) return;
  value.data.forEach((x: number, i: number) => ema.data[i] = decay * ema.data[i] + (1 - decay) * x);
}
