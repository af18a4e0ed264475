import { i32, type KernelBuilder, kernelModule, type Local } from "../../../engine/device/cpu/wasm/mod.ts";
import { i32 as i32Spec } from "../../../engine/core/spec.ts";
import type { CpuPlan } from "../../../engine/kernel.ts";
import { type DispatchAttrs, dispatchRows } from "./layout.ts";

/** One item: two passes over the pairs take microseconds, too little to split. */
export function dispatchCpu(pairs: number, { experts, tile }: DispatchAttrs): CpuPlan {
  const rows = dispatchRows(pairs, experts, tile);
  return {
    scratch: [{ spec: i32Spec(experts) }],
    calls: [{
      key: `dispatch ${pairs} ${experts} ${tile}`,
      build: () => kernelModule((f) => countAndPlace(f, { pairs, experts, tile, rows })),
      bindings: [0, 1, 2, 3, 4, 5, 6],
      range: 1,
      grain: 1,
    }],
  };
}

interface Sizes extends DispatchAttrs {
  readonly pairs: number;
  readonly rows: number;
}

function countAndPlace(f: KernelBuilder, { pairs, experts, tile, rows }: Sizes): void {
  const [indices, counts, offsets, row, slot, tileExpert, next] = f.pointers(7);
  const wordAt = (base: Local<"i32">, i: Local<"i32">) => i32.add(base, i32.shl(i, 2));
  const expert = f.localI32("expert");
  const loadExpert = (pair: Local<"i32">) => {
    expert.set(i32.load(wordAt(indices, pair)));
    expert.set(i32.select(i32.lt_u(expert, experts), expert, experts - 1));
  };
  f.fill(counts, 0, 4 * experts);
  f.fill(slot, 0xff, 4 * rows);
  f.fill(tileExpert, 0xff, 4 * (rows / tile));
  f.forCount(pairs, (pair) => {
    loadExpert(pair);
    const at = f.localI32("at", wordAt(counts, expert));
    f.storeI32(at, i32.add(i32.load(at), 1));
  });
  layOut(f, { counts, offsets, tileExpert, next }, experts, tile);
  f.forCount(pairs, (pair) => {
    loadExpert(pair);
    const at = f.localI32("cursor", wordAt(next, expert));
    const r = f.localI32("r", i32.load(at));
    f.storeI32(at, i32.add(r, 1));
    f.storeI32(wordAt(row, pair), r);
    f.storeI32(wordAt(slot, r), pair);
  });
}

/** Offsets and tiles from the counts; `next` starts as a copy of the offsets. */
function layOut(
  f: KernelBuilder,
  { counts, offsets, tileExpert, next }: Record<"counts" | "offsets" | "tileExpert" | "next", Local<"i32">>,
  experts: number,
  tile: number,
): void {
  const start = f.localI32("start", 0);
  f.forCount(experts, (e) => {
    const byte = f.localI32("byte", i32.shl(e, 2));
    f.storeI32(i32.add(offsets, byte), start);
    f.storeI32(i32.add(next, byte), start);
    const first = f.localI32("first", i32.div_u(start, tile));
    const count = i32.load(i32.add(counts, byte));
    const end = f.localI32("end", i32.add(first, i32.div_u(i32.add(count, tile - 1), tile)));
    f.forRange(first, end, 1, (i) => f.storeI32(i32.add(tileExpert, i32.shl(i, 2)), e));
    start.set(i32.mul(end, tile));
  });
  f.storeI32(offsets, start, 4 * experts);
}
