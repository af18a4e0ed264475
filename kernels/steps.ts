import type { CpuPlan, Slot } from "../engine/kernel.ts";

/** A plan of another kernel, as one step of a kernel that is made of several. */
export interface Step {
  /** The other kernel's plan. */
  readonly plan: CpuPlan;
  /** For each of its inputs and outputs, in order, the slot of the whole kernel. */
  readonly slots: readonly Slot[];
}

/**
 * A plan that does the steps one after the other; each has scratch of its own.
 *
 * @param operands inputs and outputs of the whole kernel
 */
export function inSteps(operands: number, steps: readonly Step[]): CpuPlan {
  let next = operands;
  const moved = steps.map(({ plan: { calls, gemm, scratch = [] }, slots }) => {
    const first = next;
    next += scratch.length;
    const place = (slot: Slot) => slot < slots.length ? slots[slot] : first + slot - slots.length;
    return {
      calls: calls.map((call) => ({ ...call, bindings: call.bindings.map(place) })),
      gemm: gemm && {
        ...gemm,
        a: place(gemm.a),
        b: place(gemm.b),
        c: place(gemm.c),
        bias: gemm.bias === undefined ? undefined : place(gemm.bias),
        addend: gemm.addend === undefined ? undefined : place(gemm.addend),
        groups: gemm.groups && {
          ...gemm.groups,
          counts: place(gemm.groups.counts),
          offsets: place(gemm.groups.offsets),
        },
      },
    };
  });
  return {
    calls: moved.flatMap(({ calls }) => calls),
    steps: moved,
    scratch: steps.flatMap(({ plan }) => plan.scratch ?? []),
  };
}
