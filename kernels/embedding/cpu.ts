import {
  type Expr,
  f32x4,
  type FunctionBuilder,
  i32,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { Spec } from "../../engine/core/spec.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { copyElements } from "../split/cpu.ts";

/** Elements worth handing to another worker. */
const GRAIN = 8192;

/** The row that the index at `address` means: the nearest one of the table. */
function rowAt(f: FunctionBuilder, address: Expr<"i32">, rows: number): Local<"i32"> {
  const row = f.localI32("row", i32.load(address));
  row.set(i32.select(i32.lt_s(row, 0), 0, row));
  row.set(i32.select(i32.gt_s(row, rows - 1), rows - 1, row));
  return row;
}

/** A work item is one row of the output. */
export function embeddingCpu(table: Spec, indices: Spec): CpuPlan {
  const [rows, width] = table.shape;
  const build = () =>
    kernelModule((f) => {
      const [from, index, to] = f.pointers(3);
      f.forRange(f.begin, f.end, 1, (n) => {
        const row = rowAt(f, i32.add(index, i32.shl(n, 2)), rows);
        const source = f.localI32("source", i32.add(from, i32.mul(row, 4 * width)));
        copyElements(f, f.localI32("target", i32.add(to, i32.mul(n, 4 * width))), source, width);
      });
    });
  return {
    calls: [{
      key: `embedding ${rows} ${width}`,
      build,
      bindings: [0, 1, 2],
      range: indices.shape[0],
      grain: Math.max(1, Math.ceil(GRAIN / width)),
    }],
  };
}

/** A work item is one row of the table: it looks at all indices in order and adds the rows that are its own. */
export function embeddingBackwardCpu(grad: Spec, indices: Spec, rows: number): CpuPlan {
  const width = grad.shape[1];
  const count = indices.shape[0];
  const build = () =>
    kernelModule((f) => {
      const [from, index, to] = f.pointers(3);
      const lastIndex = f.localI32("lastIndex", i32.add(index, 4 * count));
      f.forRange(f.begin, f.end, 1, (row) => {
        const target = f.localI32("target", i32.add(to, i32.mul(row, 4 * width)));
        const source = f.localI32("source", from);
        f.fill(target, 0, 4 * width);
        f.forAddress(index, lastIndex, 4, (address) => {
          f.if(i32.eq(rowAt(f, address, rows), row), () => addRow(f, target, source, width));
          source.set(i32.add(source, 4 * width));
        });
      });
    });
  return {
    calls: [{
      key: `embedding_backward ${rows} ${width} ${count}`,
      build,
      bindings: [0, 1, 2],
      range: rows,
      grain: Math.max(1, Math.ceil(GRAIN / (width + count))),
    }],
  };
}

function addRow(f: FunctionBuilder, target: Expr<"i32">, source: Expr<"i32">, width: number): void {
  f.forVectors(width, (at, offset, lanes) => {
    const address = f.localI32("address", i32.add(target, at));
    const sum = f32x4.add(v128.load(address, offset), v128.load(i32.add(source, at), offset));
    storePartial(f, address, sum, lanes, offset);
  });
}
