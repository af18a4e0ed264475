import type { Limits } from "../engine/kernel.ts";

/** Forms of kernels that suit a kind of adapter. All forms are correct on all adapters. */
export interface Variants {
  /** Widest row that softmax and the norms give to a single invocation; wider ones get a workgroup each. */
  readonly widestRowOfInvocation: number;
  /** Numbers that an invocation of the attention kernels may keep in its sums; from there on it gets fewer rows. */
  readonly attentionRegisters: number;
  /** Groups of lanes that share the tokens of a column where adaLN sums over them. */
  readonly groupsOfColumns: number;
  /** Workgroups below which the long sums of a matmul are split between several of them. */
  readonly busyWorkgroups: number;
  /** Sizes of subgroups whose lanes share the operands of matrix products by broadcasts, in place of workgroup memory. */
  readonly sharingSubgroups: readonly number[];
}

/**
 * The forms by kind of adapter: every choice that depends on it is made here, and measured.
 *
 * A software adapter (llvmpipe) runs the invocations of a workgroup on one core, eight at a time, and stores the state
 * of each at a barrier: work without barriers wins, and reading memory in columns costs little. It ends an invocation's
 * loop after 65,535 rounds, and one f32 sum over a very long row would lose digits. Reading workgroup memory is its
 * slowest operation by far, which speaks for as many sums an invocation as possible.
 */
export const VARIANTS: Readonly<Record<"hardware" | "software", Variants>> = {
  hardware: {
    widestRowOfInvocation: 0,
    groupsOfColumns: 4,
    attentionRegisters: 160,
    busyWorkgroups: 128,
    sharingSubgroups: [],
  },
  software: {
    widestRowOfInvocation: 4096,
    groupsOfColumns: 1,
    attentionRegisters: 320,
    busyWorkgroups: 8,
    sharingSubgroups: [4, 8],
  },
};

/** The forms for an adapter with these limits. */
export function variantsOf({ software = false }: Limits): Variants {
  return VARIANTS[software ? "software" : "hardware"];
}

/** Lanes of a subgroup that holds a tile of a matrix product; undefined where workgroup memory does. */
export function lanesOfTile(limits: Limits): number | undefined {
  return variantsOf(limits).sharingSubgroups.find((lanes) => lanes === limits.subgroup);
}
