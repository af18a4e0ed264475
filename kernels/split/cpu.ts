import {
  type Expr,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import type { Rows, Segment } from "./layout.ts";

/** Elements of a work item: rows are gathered up to it, and longer rows are cut. */
const BLOCK = 4096;

/** Elements up to which moving vectors beats a bulk copy, which costs a call. */
const SHORT = 64;

/** Copies `count` elements; `count` is known. */
export function copyElements(f: FunctionBuilder, to: Expr<"i32">, from: Expr<"i32">, count: number): void {
  if (count > SHORT) return f.copy(to, from, 4 * count);
  f.forVectors(count, (at, offset, lanes) => {
    storePartial(f, i32.add(to, at), v128.load(i32.add(from, at), offset), lanes, offset);
  });
}

/** Moves data between the whole tensor and its parts. */
export function copyCpu(direction: "split" | "concat", rows: Rows): CpuPlan {
  const parts = rows.segments.map((_, s) => s);
  const bindings = direction === "split"
    ? [0, ...parts.map((s) => s + 1)]
    : [rows.segments.length, ...parts.map((s) => s)];
  const segments = rows.segments.map(({ at, run }) => `${at}+${run}`).join();
  const blocks = Math.ceil(rows.width / BLOCK);
  return {
    calls: [{
      key: `${direction} ${rows.width} ${segments}`,
      build: () => kernelModule((f) => copyRows(f, direction, rows)),
      bindings,
      range: rows.outer * blocks,
      grain: Math.max(1, Math.floor(BLOCK / rows.width)),
    }],
  };
}

/** Work items are rows, or blocks of `BLOCK` elements of long rows. */
function copyRows(f: KernelBuilder, direction: "split" | "concat", { width, segments }: Rows): void {
  const [whole, ...parts] = f.pointers(1 + segments.length);
  const blocks = Math.ceil(width / BLOCK);
  const move = (
    inWhole: Expr<"i32">,
    inPart: Expr<"i32">,
    copy: (to: Expr<"i32">, from: Expr<"i32">) => void,
  ) => direction === "split" ? copy(inPart, inWhole) : copy(inWhole, inPart);
  f.forRange(f.begin, f.end, 1, (item) => {
    const row = blocks === 1 ? item : f.localI32("row", i32.div_u(item, blocks));
    const low = f.localI32("low", i32.mul(i32.sub(item, i32.mul(row, blocks)), BLOCK));
    segments.forEach(({ at, run }, s) => {
      const inWhole = f.localI32("inWhole", i32.add(whole, i32.shl(i32.add(i32.mul(row, width), at), 2)));
      const inPart = f.localI32("inPart", i32.add(parts[s], i32.mul(row, 4 * run)));
      if (blocks === 1) move(inWhole, inPart, (to, from) => copyElements(f, to, from, run));
      else move(inWhole, inPart, (to, from) => copyOverlap(f, to, from, { at, run }, low));
    });
  });
}

/** Copies the part of a segment that lies in `[low, low + BLOCK)`; `to` and `from` are the segment's first element. */
function copyOverlap(
  f: FunctionBuilder,
  to: Expr<"i32">,
  from: Expr<"i32">,
  { at, run }: Segment,
  low: Expr<"i32">,
): void {
  const begin = f.localI32("begin", i32.sub(low, at));
  const end = f.localI32("end", i32.add(begin, BLOCK));
  begin.set(i32.select(i32.lt_s(begin, 0), 0, begin));
  end.set(i32.select(i32.gt_s(end, run), run, end));
  f.if(i32.lt_s(begin, end), () => {
    const skipped = i32.shl(begin, 2);
    f.copy(i32.add(to, skipped), i32.add(from, skipped), i32.shl(i32.sub(end, begin), 2));
  });
}
