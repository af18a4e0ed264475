import { i32 as i32Spec, type Spec } from "../../../engine/core/spec.ts";
import {
  f32,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
} from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../../engine/kernel.ts";

const GRAIN_ROWS = 64;

/** One item a row. A lane's scratch marks what its row has kept. */
export function topKCpu(x: Spec, k: number): CpuPlan {
  const [rows, width] = x.shape;
  return {
    scratch: [{ spec: i32Spec(width), perLane: true }],
    calls: [{
      key: `top_k ${width} ${k}`,
      build: () => kernelModule((f) => keepLargest(f, width, k)),
      bindings: [0, 1, 2, 3],
      range: rows,
      grain: GRAIN_ROWS,
    }],
  };
}

function keepLargest(f: KernelBuilder, width: number, k: number): void {
  const [x, indices, values, scratch] = f.pointers(4);
  const marks = f.localI32("marks", i32.add(scratch, i32.mul(f.lane, 4 * width)));
  f.forRange(f.begin, f.end, 1, (t) => {
    const row = f.localI32("row", i32.add(x, i32.mul(t, 4 * width)));
    f.fill(marks, 0, 4 * width);
    f.forCount(k, () => markLargest(f, row, marks, width));
    const to = f.localI32("to", i32.mul(t, 4 * k));
    f.forCount(width, (e) => {
      const at = f.localI32("at", i32.shl(e, 2));
      f.if(i32.load(i32.add(marks, at)), () => {
        f.storeI32(i32.add(indices, to), e);
        f.storeF32(i32.add(values, to), f32.load(i32.add(row, at)));
        to.set(i32.add(to, 4));
      });
    });
  });
}

/** Marks the largest number without a mark; NaN or not, one mark is set. */
function markLargest(f: KernelBuilder, row: Local<"i32">, marks: Local<"i32">, width: number): void {
  const best = f.localI32("best"), most = f.localF32("most");
  best.set(-1);
  f.forRange(0, 4 * width, 4, (at) => {
    const value = f.localF32("value", f32.load(i32.add(row, at)));
    const better = i32.or(i32.lt_s(best, 0), f32.gt(value, most));
    f.if(i32.and(i32.eqz(i32.load(i32.add(marks, at))), better), () => {
      best.set(at);
      most.set(value);
    });
  });
  f.storeI32(i32.add(marks, best), 1);
}

/** One item a row: zeros, then the kept ones. */
export function topKBackwardCpu(indices: Spec, width: number): CpuPlan {
  const [rows, k] = indices.shape;
  const build = (f: KernelBuilder) => {
    const [chosen, grad, out] = f.pointers(3);
    f.forRange(f.begin, f.end, 1, (t) => {
      const to = f.localI32("to", i32.add(out, i32.mul(t, 4 * width)));
      const from = f.localI32("from", i32.mul(t, 4 * k));
      f.fill(to, 0, 4 * width);
      f.forRange(from, i32.add(from, 4 * k), 4, (at) => {
        const column = i32.shl(i32.load(i32.add(chosen, at)), 2);
        f.storeF32(i32.add(to, column), f32.load(i32.add(grad, at)));
      });
    });
  };
  const key = `top_k_backward ${width} ${k}`;
  const call = {
    key,
    build: () => kernelModule(build),
    bindings: [0, 1, 2],
    range: rows,
    grain: 8 * GRAIN_ROWS,
  };
  return { calls: [call] };
}
