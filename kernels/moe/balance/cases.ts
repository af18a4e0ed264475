import { Philox } from "../../../engine/core/random.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import { type BalanceAttrs, UPDATE_BALANCE_BIAS } from "./mod.ts";

function balanceCase(experts: number, rate: number, gate = 1): KernelCase<BalanceAttrs> {
  return {
    name: `${experts} experts, rate ${rate}, gate ${gate}`,
    inputs: [f32(experts), i32(experts), f32(1)],
    attrs: { rate },
    values: () => [
      new Philox(6, 1).normals(experts),
      // Sums to a multiple of 4 with some counts at the mean: the sign 0 occurs.
      Int32Array.from({ length: experts }, (_, e) => 10 + [0, 3, 0, -3][e % 4]),
      new Float32Array([gate]),
    ],
  };
}

/** Sizes of `update_balance_bias`: one, a prime, more experts than lanes, and a closed gate. */
export const suites: readonly AnySuite[] = [{
  kernel: UPDATE_BALANCE_BIAS,
  cases: [
    balanceCase(1, 0.001),
    balanceCase(4, 0.001),
    balanceCase(47, 0.1),
    balanceCase(300, 0.01, 0.5),
    balanceCase(16, 0.1, -1),
  ],
}];
