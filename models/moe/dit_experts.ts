import { xavierUniform, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import { geluTanh } from "../../kernels/elementwise/mod.ts";
import { groupedGatedLinear } from "../../kernels/gated_matmul/mod.ts";
import { groupedMatmul } from "../../kernels/moe/grouped_matmul/mod.ts";
import { groupedLinear, type StackedExperts, type StackSizes } from "./experts.ts";

/** Declares one parameter of every expert under `experts.*`. */
function stacked(
  scope: ParamScope,
  name: string,
  shape: readonly [number, ...number[]],
  init = xavierUniform(),
): Parameter {
  return scope.parameter(`experts.*.${name}`, shape, {
    init,
    experts: shape[0],
    routedBy: scope.path,
    castable: true,
  });
}

/** Experts of DiffMoE, token and expert choice: Linear, tanh-approximated GELU, Linear, with biases (behaviour 18). */
export function geluExperts(scope: ParamScope, { experts, hidden, width }: StackSizes): StackedExperts {
  const weight1 = stacked(scope, "fc1.weight", [experts, width, hidden]);
  const bias1 = stacked(scope, "fc1.bias", [experts, width], zeros());
  const weight2 = stacked(scope, "fc2.weight", [experts, hidden, width]);
  const bias2 = stacked(scope, "fc2.bias", [experts, hidden], zeros());
  return {
    forward(rows, plan) {
      const inner = geluTanh(groupedLinear(rows, weight1, bias1, plan)); // f32[R, I]
      return groupedLinear(inner, weight2, bias2, plan); // f32[R, D]
    },
  };
}

/** The same with `use_swiglu`: `down(silu(gate(x)) * up(x))`, three matrices and no biases. */
export function gatedExperts(scope: ParamScope, { experts, hidden, width }: StackSizes): StackedExperts {
  const gate = stacked(scope, "gate_proj.weight", [experts, width, hidden]);
  const up = stacked(scope, "up_proj.weight", [experts, width, hidden]);
  const down = stacked(scope, "down_proj.weight", [experts, hidden, width]);
  return {
    forward(rows, plan) {
      const hidden = groupedGatedLinear(rows, gate.tensor, up.tensor, plan); // f32[R, I]
      return groupedMatmul(hidden, down.tensor, plan); // f32[R, D]
    },
  };
}
