import { f32, type Spec } from "../../engine/core/spec.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { ELEMENTWISE } from "../elementwise/mod.ts";
import { matmulCpu } from "../matmul/cpu.ts";
import { groupedMatmulCpu } from "../moe/grouped_matmul/cpu.ts";
import { inSteps } from "../steps.ts";
import { gatedLinearSizes, type GroupedGatedAttrs, groupedGatedSizes } from "./sizes.ts";

/** Two products, then what is made of them. */
export function gatedLinearCpu(inputs: readonly Spec[]): CpuPlan {
  const { rows, n, k } = gatedLinearSizes(inputs);
  const plan = matmulCpu([f32(rows, k), f32(n, k)], { transA: false, transB: true });
  return inSteps(6, [
    { plan, slots: [0, 1, 3] },
    { plan, slots: [0, 2, 4] },
    { plan: hiddenCpu(rows * n), slots: [3, 4, 5] },
  ]);
}

/** The same with an expert's weights for each row. */
export function groupedGatedCpu(inputs: readonly Spec[], attrs: GroupedGatedAttrs): CpuPlan {
  const { rows, n } = groupedGatedSizes(inputs, attrs);
  const [x, gate, , ...tables] = inputs;
  const plan = groupedMatmulCpu([x, gate, ...tables], { ...attrs, transposeWeight: true });
  return inSteps(9, [
    { plan, slots: [0, 1, 3, 4, 5, 6] },
    { plan, slots: [0, 2, 3, 4, 5, 7] },
    { plan: hiddenCpu(rows * n), slots: [6, 7, 8] },
  ]);
}

function hiddenCpu(size: number): CpuPlan {
  return ELEMENTWISE.swiglu.cpu!([f32(size), f32(size)], {});
}
