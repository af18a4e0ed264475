import { type FunctionBuilder, i32, type Local } from "../../engine/device/cpu/wasm/mod.ts";
import type { Geometry } from "./geometry.ts";

/** Bytes from the start of each tensor to one key head. */
export interface KeyHead {
  readonly batch: Local<"i32">;
  readonly head: Local<"i32">;
  readonly k: Local<"i32">;
  readonly v: Local<"i32">;
}

/** Bytes from the start of each tensor to one query head, and its number among all heads of all batch entries. */
export interface QueryHead {
  readonly head: Local<"i32">;
  readonly row: Local<"i32">;
  readonly q: Local<"i32">;
  readonly out: Local<"i32">;
  readonly stats: Local<"i32">;
}

/** The key head of a work item. */
export function keyHeadOf(f: FunctionBuilder, g: Geometry, item: Local<"i32">): KeyHead {
  const batch = f.localI32("batch", i32.div_u(item, g.kvHeads));
  const head = f.localI32("kv_head", i32.rem_u(item, g.kvHeads));
  const start = i32.add(i32.mul(batch, g.tokens * g.kvStride), i32.mul(head, g.headDim));
  const k = f.localI32("k_bytes", i32.mul(i32.add(start, g.kOffset), 4));
  return { batch, head, k, v: f.localI32("v_bytes", i32.add(k, 4 * (g.vOffset - g.kOffset))) };
}

/** Visits the query heads that share a key head, always in this order. */
export function forQueryHeads(
  f: FunctionBuilder,
  g: Geometry,
  { batch, head: kvHead }: KeyHead,
  body: (head: QueryHead) => void,
): void {
  const group = g.heads / g.kvHeads;
  f.forRange(i32.mul(kvHead, group), i32.mul(i32.add(kvHead, 1), group), 1, (head) => {
    const row = f.localI32("row", i32.add(i32.mul(batch, g.heads), head));
    const start = i32.add(i32.mul(batch, g.tokens * g.qStride), i32.mul(head, g.headDim));
    const first = i32.add(i32.mul(batch, g.tokens * g.heads), head);
    body({
      head,
      row,
      q: f.localI32("q_bytes", i32.mul(start, 4)),
      out: f.localI32("out_bytes", i32.mul(first, 4 * g.headDim)),
      stats: f.localI32("stat_bytes", i32.mul(row, 4 * g.tokens)),
    });
  });
}
