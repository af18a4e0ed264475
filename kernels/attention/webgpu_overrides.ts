import type { AttentionAttrs, Geometry } from "./geometry.ts";

/**
 * Values of the overrides in `attention_visible.wgsl`, and in `attention_inputs.wgsl` or its vectorised form.
 *
 * @param size channels that strides and offsets count as one: 1 or 4
 */
export function inputOverrides(
  g: Geometry,
  { block, causal, window }: AttentionAttrs,
  size: 1 | 4,
): Record<string, number> {
  return {
    tokens: g.tokens,
    heads: g.heads,
    kv_heads: g.kvHeads,
    score_scale: 1 / Math.sqrt(g.headDim),
    causal: Number(causal),
    window,
    q_stride: g.qStride / size,
    kv_stride: g.kvStride / size,
    k_offset: g.kOffset / size,
    v_offset: g.vOffset / size,
    rotate: Number(block > 0),
    partner_distance: Math.max(1, block / 2),
  };
}

/** Slots of q, k, v and the table. An input that is absent is never read: any buffer serves as its binding. */
export function readSlots(g: Geometry): number[] {
  return [g.q, g.k, g.v, slotOr(g.table, g.q)];
}

/** A slot, or another one where it is absent. */
export function slotOr(slot: number, other: number): number {
  return slot < 0 ? other : slot;
}
