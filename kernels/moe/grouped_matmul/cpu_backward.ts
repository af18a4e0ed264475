import { f32, type Spec } from "../../../engine/core/spec.ts";
import { i32, kernelModule } from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../../engine/kernel.ts";
import { definePanels, grainOf, PACK_GRAIN, packedElements, smaller } from "../../matmul/cpu.ts";
import { BLOCK_ROWS, BLOCK_SCRATCH, defineBlock } from "../../matmul/cpu_block.ts";
import { TILE_COLUMNS, TILE_ROWS, TILE_STEPS } from "../../matmul/cpu_tile.ts";
import { type GroupedOuterSizes, groupedOuterSizes } from "./sizes.ts";

/** Packs b once, rows of all experts in panels of 8 columns, then multiplies blocks of each expert's output. */
export function groupedOuterCpu(inputs: readonly Spec[]): CpuPlan {
  const sizes = groupedOuterSizes(inputs);
  const [out, blocks, packed] = [4, 5, 6];
  const { rows: k, m, n, experts: batch } = sizes;
  return {
    gemm: {
      ...{ a: 0, b: 1, c: out, transA: true, transB: false, m, n, k, batch },
      groups: { along: "k", counts: 2, offsets: 3 },
    },
    calls: [packCall(sizes, [1, packed]), multiplyCall(sizes, [0, packed, 2, 3, out, blocks])],
    scratch: [
      { spec: f32(BLOCK_SCRATCH), perLane: true },
      { spec: f32(packedElements(sizes.n, sizes.rows) + TILE_STEPS * TILE_COLUMNS) },
    ],
  };
}

/** One work item is a panel; the last one is followed by zeros, since a group may end in mid-round. */
function packCall({ rows, n }: GroupedOuterSizes, bindings: readonly number[]): CpuCall {
  const panels = Math.ceil(n / TILE_COLUMNS);
  return {
    key: `grouped_matmul_outer_pack ${rows} ${n}`,
    build: () =>
      kernelModule((f) => {
        const [b, packed] = f.pointers(2);
        const pack = definePanels(f, n, rows, false);
        f.forRange(f.begin, f.end, 1, (item) => {
          pack(f, b, packed, item);
          f.if(i32.eq(item, panels - 1), () => {
            f.fill(i32.add(packed, 4 * packedElements(n, rows)), 0, 4 * TILE_STEPS * TILE_COLUMNS);
          });
        });
      }),
    bindings,
    range: panels,
    grain: Math.max(1, Math.ceil(PACK_GRAIN / (TILE_COLUMNS * rows))),
  };
}

/** One work item is a block of rows of one expert's output. */
function multiplyCall(sizes: GroupedOuterSizes, bindings: readonly number[]): CpuCall {
  const { rows, m, n, experts } = sizes;
  const range = experts * Math.ceil(m / BLOCK_ROWS);
  return {
    key: `grouped_matmul_outer ${rows} ${m} ${n}`,
    build: () => multiplyModule(sizes),
    bindings,
    range,
    grain: grainOf(2 * rows * m * n / range),
  };
}

function multiplyModule({ rows, m, n }: GroupedOuterSizes): Uint8Array<ArrayBuffer> {
  const blocks = Math.ceil(m / BLOCK_ROWS);
  return kernelModule((f) => {
    const block = defineBlock(f, {
      strideA: 4 * m,
      transA: true,
      strideB: 4 * TILE_COLUMNS,
      panelB: 4 * packedElements(TILE_COLUMNS, rows),
      strideC: 4 * n,
      columns: n,
      start: "zero",
      remainders: [m % TILE_ROWS],
    });
    const [a, packed, counts, offsets, out, lanes] = f.pointers(6);
    const scratch = f.localI32("scratch", i32.add(lanes, i32.mul(f.lane, 4 * BLOCK_SCRATCH)));
    f.forRange(f.begin, f.end, 1, (item) => {
      const expert = f.localI32("expert", i32.div_u(item, blocks));
      const row = f.localI32("row", i32.mul(i32.rem_u(item, blocks), BLOCK_ROWS));
      const height = f.localI32("height", smaller(f, i32.sub(m, row), BLOCK_ROWS));
      const count = f.localI32("count", i32.load(i32.add(counts, i32.mul(expert, 4))));
      const first = f.localI32("first", i32.load(i32.add(offsets, i32.mul(expert, 4))));
      const to = f.localI32("to", i32.add(out, i32.mul(i32.add(i32.mul(expert, m), row), 4 * n)));
      const from = i32.add(a, i32.mul(i32.add(i32.mul(first, m), row), 4));
      const panels = i32.add(packed, i32.mul(first, 4 * TILE_COLUMNS));
      f.if(
        count,
        () => f.call(block, from, panels, to, 0, scratch, height, 0, Math.ceil(n / TILE_COLUMNS), count),
        () => f.fill(to, 0, i32.mul(height, 4 * n)),
      );
    });
  });
}
