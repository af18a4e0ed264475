import { f32, type Spec } from "../../engine/core/spec.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { input } from "../expression/expression.ts";
import { reduceCpu } from "../reduce/cpu.ts";
import { inSteps, type Step } from "../steps.ts";
import { matmulCpu } from "./cpu.ts";
import type { LinearBackwardAttrs, LinearSizes } from "./linear_backward.ts";

/** The two products, and the sum of g's rows. */
export function linearBackwardCpu(
  inputs: readonly Spec[],
  attrs: LinearBackwardAttrs,
  { rows, n, k }: LinearSizes,
): CpuPlan {
  const [g, x, weight] = [f32(rows, n), f32(rows, k), f32(n, k)];
  const out = inputs.length;
  const steps: Step[] = [
    { plan: matmulCpu([g, x], { transA: true, transB: false }), slots: [0, 1, out] },
  ];
  if (attrs.bias) {
    const sums = reduceCpu(input(0), [g], { over: [rows, n], shape: [1, n], scale: 1 });
    steps.push({ plan: sums, slots: [0, out + 1] });
  }
  const dx = out + 1 + Number(attrs.bias);
  if (inputs.length === 4) {
    const plan = matmulCpu([g, weight, x], { transA: false, transB: false }, "addend");
    steps.unshift({ plan, slots: [0, 2, 3, dx] });
  } else if (attrs.input) {
    steps.unshift({ plan: matmulCpu([g, weight], { transA: false, transB: false }), slots: [0, 2, dx] });
  }
  return inSteps(out + 1 + Number(attrs.bias) + Number(attrs.input), steps);
}
