import { f32x4, i32, storePartial, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { rowAddress, rowCall } from "../reduce/cpu_row.ts";
import { chunkCall, partialSums, vectorCall } from "./cpu_columns.ts";
import { vectorAddress } from "./cpu_norm.ts";
import type { AdaLnResidualAttrs, AdaLnResidualBackwardAttrs, AdaLnSizes } from "./sizes.ts";

/** One work item a token. */
export function residualCpu(sizes: AdaLnSizes, { gate }: AdaLnResidualAttrs): CpuPlan {
  const { batch, tokens, width, parts } = sizes;
  const key = `adaln_residual ${tokens} ${parts} ${gate}`;
  const call = rowCall(key, { rows: batch * tokens, width }, 4, (f, row, pointers) => {
    const item = f.localI32("item", i32.div_u(row, tokens));
    const gateAt = vectorAddress(f, pointers[2], item, gate, sizes);
    const [x, y, target] = [0, 1, 3].map((i) => rowAddress(f, pointers[i], row, width));
    f.forVectors(width, (at, offset, lanes) => {
      const load = (from: typeof x) => v128.load(i32.add(from, at), offset);
      const sum = f32x4.relaxed_madd(load(gateAt), load(y), load(x));
      storePartial(f, i32.add(target, at), sum, lanes, offset);
    });
  });
  return { calls: [call] };
}

/** Chunks of tokens: the gradient of y, and sums for the gate on the way; then the sums of the chunks. */
export function residualBackwardCpu(
  sizes: AdaLnSizes,
  { gate, beforeVectors }: AdaLnResidualBackwardAttrs,
): CpuPlan {
  const inputs = 3 + Number(beforeVectors);
  const [dy, dVectors, partial] = [inputs, inputs + 1, inputs + 2];
  const tokens = chunkCall({
    key: `adaln_residual_backward ${gate}`,
    sizes,
    sums: 1,
    bindings: [0, 1, 2, dy, partial],
    row: (f, { row, item, sums: [sum] }, pointers) => {
      const gateAt = vectorAddress(f, pointers[2], item, gate, sizes);
      const [g, y, target] = [0, 1, 3].map((i) => rowAddress(f, pointers[i], row, sizes.width));
      f.forVectors(sizes.width, (at, offset, lanes) => {
        const load = (from: typeof g) => v128.load(i32.add(from, at), offset);
        const value = f.localV128("value", load(g));
        storePartial(f, i32.add(target, at), f32x4.mul(value, load(gateAt)), lanes, offset);
        const total = f32x4.relaxed_madd(value, load(y), load(sum));
        storePartial(f, i32.add(sum, at), total, lanes, offset);
      });
    },
  });
  const vectors = vectorCall({
    name: "adaln_residual",
    sizes,
    owners: [gate],
    bindings: [partial, dVectors, ...(beforeVectors ? [3] : [])],
  });
  return { calls: [tokens, vectors], scratch: [partialSums(sizes, 1)] };
}
