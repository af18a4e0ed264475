import type { Spec } from "../../engine/core/spec.ts";
import { i32, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import type { RopeAttrs } from "./kernel.ts";
import { rotateRow } from "./rotate_wasm.ts";

/** Elements of one part of the work. */
const GRAIN_ELEMENTS = 8192;

/** One work item a token: all its heads share one row of the table. */
export function ropeCpu(x: Spec, attrs: RopeAttrs): CpuPlan {
  const [batch, tokens, heads, headDim] = x.shape;
  return {
    calls: [{
      key: `rope ${tokens} ${heads} ${headDim} ${attrs.block} ${attrs.inverse}`,
      build: () => ropeModule(tokens, heads, headDim, attrs),
      bindings: [0, 1, 2],
      range: batch * tokens,
      grain: Math.ceil(GRAIN_ELEMENTS / (heads * headDim)),
    }],
  };
}

function ropeModule(
  tokens: number,
  heads: number,
  headDim: number,
  attrs: RopeAttrs,
): Uint8Array<ArrayBuffer> {
  const headBytes = 4 * headDim;
  return kernelModule((f) => {
    const [x, table, y] = f.pointers(3);
    const cos = f.localI32("cos");
    const sin = f.localI32("sin");
    const from = f.localI32("from");
    const to = f.localI32("to");
    f.forRange(f.begin, f.end, 1, (token) => {
      cos.set(i32.add(table, i32.mul(i32.rem_u(token, tokens), headBytes)));
      sin.set(i32.add(cos, tokens * headBytes));
      f.forRange(i32.mul(token, heads), i32.mul(i32.add(token, 1), heads), 1, (row) => {
        from.set(i32.add(x, i32.mul(row, headBytes)));
        to.set(i32.add(y, i32.mul(row, headBytes)));
        rotateRow(f, { from, to, cos, sin }, headDim, attrs);
      });
    });
  });
}
