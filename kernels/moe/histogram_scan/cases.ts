import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { i32 } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import { DISPATCH, type DispatchAttrs } from "./mod.ts";

function spread(tokens: number, topk: number, experts: number, tile: number): KernelCase<DispatchAttrs> {
  return {
    name: `${tokens} tokens, top ${topk} of ${experts}, tile ${tile}`,
    inputs: [i32(tokens, topk)],
    attrs: { experts, tile },
    values: ([spec]) => [Int32Array.from(new Philox(7, 1).integers(sizeOf(spec.shape), experts))],
  };
}

function constant(tokens: number, expert: number): KernelCase<DispatchAttrs> {
  return {
    name: `${tokens} tokens, all to expert ${expert} of 5`,
    inputs: [i32(tokens, 1)],
    attrs: { experts: 5, tile: 8 },
    values: () => [new Int32Array(tokens).fill(expert)],
  };
}

/** Sizes of `dispatch`: one pair, primes, more than one block, more than one round of the scan, 256 experts. */
export const suites: readonly AnySuite[] = [{
  kernel: DISPATCH,
  cases: [
    spread(1, 1, 1, 1),
    spread(1, 1, 7, 4),
    spread(6, 2, 4, 4),
    spread(13, 3, 5, 7),
    spread(256, 1, 16, 16),
    spread(509, 2, 48, 32),
    spread(331, 8, 256, 64),
    spread(70_001, 2, 16, 64),
    constant(37, 0),
    constant(300, 4),
    {
      ...constant(9, 0),
      name: "indices out of range count as the last expert",
      values: () => [new Int32Array([5, -1, 0, 2, 99, -7, 1, 3, 4])],
    },
  ],
}];
