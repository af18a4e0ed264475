import { f32, type Spec } from "../../../engine/core/spec.ts";
import {
  type Expr,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
} from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../../engine/kernel.ts";
import { definePanels, grainOf, PACK_GRAIN, packedElements, smaller } from "../../matmul/cpu.ts";
import {
  BLOCK_ROWS,
  BLOCK_SCRATCH,
  type BlockLayout,
  defineBlock,
  type Start,
} from "../../matmul/cpu_block.ts";
import { TILE_COLUMNS, TILE_ROWS } from "../../matmul/cpu_tile.ts";
import { type GroupedMatmulAttrs, type GroupedSizes, groupedSizes } from "./sizes.ts";

/** Packs the weights of the experts that have rows, then multiplies blocks of rows. */
export function groupedMatmulCpu(inputs: readonly Spec[], attrs: GroupedMatmulAttrs): CpuPlan {
  const sizes = groupedSizes(inputs, attrs);
  const out = inputs.length;
  const [blocks, packed] = [out + 1, out + 2];
  const addend = inputs.length > 5;
  const { rows: m, n, k, experts: batch } = sizes;
  return {
    gemm: {
      ...{ a: 0, b: 1, c: out, transA: false, transB: attrs.transposeWeight, m, n, k, batch },
      ...(addend ? { addend: 5 } : {}),
      groups: { along: "m", counts: 2, offsets: 3 },
    },
    calls: [
      packCall(sizes, attrs.transposeWeight, [1, 2, packed]),
      multiplyCall(sizes, attrs.tile, [0, packed, 2, 3, 4, out, blocks, ...(addend ? [5] : [])]),
    ],
    scratch: [
      { spec: f32(BLOCK_SCRATCH), perLane: true },
      { spec: f32(sizes.experts * packedElements(sizes.n, sizes.k)) },
    ],
  };
}

/** One work item is a panel, 8 columns, of one expert's weight. */
function packCall(
  { n, k, experts }: GroupedSizes,
  transposeWeight: boolean,
  bindings: readonly number[],
): CpuCall {
  const panels = Math.ceil(n / TILE_COLUMNS);
  return {
    key: `grouped_matmul_pack ${n} ${k} ${transposeWeight}`,
    build: () =>
      kernelModule((f) => {
        const [weight, counts, packed] = f.pointers(3);
        const pack = definePanels(f, n, k, transposeWeight);
        f.forRange(f.begin, f.end, 1, (item) => {
          const count = i32.load(i32.add(counts, i32.shl(i32.div_u(item, panels), 2)));
          f.if(count, () => pack(f, weight, packed, item));
        });
      }),
    bindings,
    range: experts * panels,
    grain: Math.max(1, Math.ceil(PACK_GRAIN / (TILE_COLUMNS * k))),
  };
}

/** One work item is a fixed piece of whole tiles of rows, whoever they belong to. */
function multiplyCall(sizes: GroupedSizes, tile: number, bindings: readonly number[]): CpuCall {
  const { rows, n, k } = sizes;
  const height = tile * Math.max(1, Math.floor(BLOCK_ROWS / tile));
  return {
    key: `grouped_matmul ${rows} ${n} ${k} ${tile} ${bindings.length > 7}`,
    build: () => multiplyModule(sizes, tile, height, bindings.length > 7 ? "addend" : "zero"),
    bindings,
    range: Math.ceil(rows / height),
    grain: grainOf(2 * height * n * k),
  };
}

function multiplyModule(
  sizes: GroupedSizes,
  tile: number,
  height: number,
  start: Start,
): Uint8Array<ArrayBuffer> {
  const { rows, n, k } = sizes;
  return kernelModule((f) => {
    const block = defineBlock(f, layoutFor(sizes, start));
    const pointers = f.pointers(start === "addend" ? 8 : 7);
    const [x, packed, counts, offsets, tileExpert, out, blocks, addend] = pointers;
    const scratch = f.localI32("scratch", i32.add(blocks, i32.mul(f.lane, 4 * BLOCK_SCRATCH)));
    const row = f.localI32("row"), valid = f.localI32("valid"), count = f.localI32("count");
    forRuns(f, tileExpert, { tiles: rows / tile, perItem: height / tile }, (expert, first, end) => {
      row.set(i32.mul(first, tile));
      const runEnd = f.localI32("runEnd", i32.mul(end, tile));
      f.if(i32.ge_s(expert, 0), () => {
        valid.set(i32.add(entry(offsets, expert), entry(counts, expert)));
        valid.set(i32.select(i32.lt_s(valid, runEnd), valid, runEnd));
        const weight = i32.add(packed, i32.mul(expert, 4 * packedElements(n, k)));
        f.while(i32.lt_s(row, valid), () => {
          count.set(smaller(f, i32.sub(valid, row), BLOCK_ROWS));
          const from = i32.add(x, i32.mul(row, 4 * k));
          const place = f.localI32("place", i32.mul(row, 4 * n));
          const first = addend ? i32.add(addend, place) : 0;
          const panels = Math.ceil(n / TILE_COLUMNS);
          f.call(block, from, weight, i32.add(out, place), first, scratch, count, 0, panels, k);
          row.set(i32.add(row, count));
        });
      });
      const rest = f.localI32("rest", i32.mul(row, 4 * n));
      const bytes = i32.mul(i32.sub(runEnd, row), 4 * n);
      if (addend) f.copy(i32.add(out, rest), i32.add(addend, rest), bytes);
      else f.fill(i32.add(out, rest), 0, bytes);
    });
  });
}

function layoutFor({ n, k }: GroupedSizes, start: Start): BlockLayout {
  return {
    strideA: 4 * k,
    transA: false,
    strideB: 4 * TILE_COLUMNS,
    panelB: 4 * packedElements(TILE_COLUMNS, k),
    strideC: 4 * n,
    columns: n,
    start,
    remainders: Array.from({ length: TILE_ROWS - 1 }, (_, i) => i + 1),
  };
}

function entry(table: Local<"i32">, index: Local<"i32">): Expr<"i32"> {
  return i32.load(i32.add(table, i32.shl(index, 2)));
}

/** Visits the runs of tiles of one expert inside each work item: `body` gets the expert and the run's tiles. */
function forRuns(
  f: KernelBuilder,
  tileExpert: Local<"i32">,
  { tiles, perItem }: { tiles: number; perItem: number },
  body: (expert: Local<"i32">, first: Local<"i32">, end: Local<"i32">) => void,
): void {
  const first = f.localI32("first"), end = f.localI32("end"), expert = f.localI32("expert");
  f.forRange(f.begin, f.end, 1, (item) => {
    end.set(i32.mul(item, perItem));
    const last = f.localI32("last", smaller(f, i32.add(end, perItem), tiles));
    f.while(i32.lt_s(end, last), () => {
      first.set(end);
      expert.set(entry(tileExpert, first));
      f.block((found) =>
        f.while(i32.lt_s(end, last), () => {
          f.break(found, i32.ne(entry(tileExpert, end), expert));
          end.set(i32.add(end, 1));
        })
      );
      body(expert, first, end);
    });
  });
}
