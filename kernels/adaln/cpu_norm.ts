import {
  f32x4,
  i32,
  type KernelBuilder,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { writeStatistics } from "../layernorm/cpu.ts";
import { meanOfRow, rowAddress, rowCall, type RowStep } from "../reduce/cpu_row.ts";
import { chunkCall, partialSums, vectorCall } from "./cpu_columns.ts";
import type { AdaLnNormAttrs, AdaLnNormBackwardAttrs, AdaLnSizes } from "./sizes.ts";

type Vector = ReturnType<typeof v128.load>;

/** The address of a vector of a batch item. */
export function vectorAddress(
  f: KernelBuilder,
  vectors: Local<"i32">,
  item: Local<"i32">,
  part: number,
  { parts, width }: AdaLnSizes,
): Local<"i32"> {
  return f.localI32("vector", i32.add(vectors, i32.mul(i32.add(i32.mul(item, parts), part), 4 * width)));
}

/** One work item a token. */
export function normCpu(sizes: AdaLnSizes, { shift, scale, eps }: AdaLnNormAttrs): CpuPlan {
  const { batch, tokens, width, parts } = sizes;
  const key = `adaln_norm ${eps} ${tokens} ${parts} ${shift} ${scale}`;
  const call = rowCall(key, { rows: batch * tokens, width }, 3, (f, row, [x, vectors, y]) => {
    const item = f.localI32("item", i32.div_u(row, tokens));
    const shiftAt = vectorAddress(f, vectors, item, shift, sizes);
    const scaleAt = vectorAddress(f, vectors, item, scale, sizes);
    const target = rowAddress(f, y, row, width);
    const { normal } = writeStatistics(f, rowAddress(f, x, row, width), width, eps);
    f.forVectors(width, (at, offset, lanes) => {
      const factor = f32x4.add(v128.load(i32.add(scaleAt, at), offset), f.f32x4(1));
      const shifted = f32x4.relaxed_madd(
        normal(at, offset, lanes),
        factor,
        v128.load(i32.add(shiftAt, at), offset),
      );
      storePartial(f, i32.add(target, at), shifted, lanes, offset);
    });
  });
  return { calls: [call] };
}

/** Chunks of tokens: the gradient of x, and sums for the vectors on the way; then the sums of the chunks. */
export function normBackwardCpu(sizes: AdaLnSizes, attrs: AdaLnNormBackwardAttrs): CpuPlan {
  const { shift, scale, eps, beforeX, beforeVectors } = attrs;
  const inputs = 3 + Number(beforeX) + Number(beforeVectors);
  const [dx, dVectors, partial] = [inputs, inputs + 1, inputs + 2];
  const tokens = chunkCall({
    key: `adaln_norm_backward ${eps} ${scale} ${beforeX}`,
    sizes,
    sums: 2,
    bindings: [0, 1, 2, dx, ...(beforeX ? [3] : []), partial],
    row: (f, { row, item, sums }, pointers) => {
      const scaleAt = vectorAddress(f, pointers[2], item, scale, sizes);
      const [g, x, target, before] = [0, 1, 3, 4].map((i) => rowAddress(f, pointers[i], row, sizes.width));
      backwardRow(f, { g, x, scaleAt, target, before: beforeX ? before : undefined, sums }, sizes.width, eps);
    },
  });
  const vectors = vectorCall({
    name: "adaln_norm",
    sizes,
    owners: [shift, scale],
    bindings: [partial, dVectors, ...(beforeVectors ? [inputs - 1] : [])],
  });
  return { calls: [tokens, vectors], scratch: [partialSums(sizes, 2)] };
}

interface BackwardRow {
  readonly g: Local<"i32">;
  readonly x: Local<"i32">;
  readonly scaleAt: Local<"i32">;
  readonly target: Local<"i32">;
  readonly before: Local<"i32"> | undefined;
  readonly sums: readonly Local<"i32">[];
}

/** Statistics again, the two means of the gradient, then everything else in one sweep. */
function backwardRow(f: KernelBuilder, at: BackwardRow, width: number, eps: number): void {
  const { scale, normal } = writeStatistics(f, at.x, width, eps);
  const weighted: RowStep<Vector> = (i, offset) =>
    f32x4.mul(
      v128.load(i32.add(at.g, i), offset),
      f32x4.add(v128.load(i32.add(at.scaleAt, i), offset), f.f32x4(1)),
    );
  const meanH = f.localV128("meanH", f32x4.splat(meanOfRow(f, width, weighted)));
  const product: RowStep<Vector> = (i, offset, lanes) =>
    f32x4.mul(weighted(i, offset, lanes), normal(i, offset, lanes));
  const meanHn = f.localV128("meanHn", f32x4.splat(meanOfRow(f, width, product)));
  const factor = f.localV128("factor", f32x4.splat(scale));
  f.forVectors(width, (i, offset, lanes) => {
    const n = f.localV128("n", normal(i, offset, lanes));
    const centred = f32x4.sub(weighted(i, offset, lanes), meanH);
    const own = f32x4.mul(f32x4.sub(centred, f32x4.mul(n, meanHn)), factor);
    const dx = at.before ? f32x4.add(v128.load(i32.add(at.before, i), offset), own) : own;
    storePartial(f, i32.add(at.target, i), dx, lanes, offset);
    const g = f.localV128("g", v128.load(i32.add(at.g, i), offset));
    const [shifts, scales] = at.sums.map((sum) => i32.add(sum, i));
    storePartial(f, shifts, f32x4.add(v128.load(shifts, offset), g), lanes, offset);
    storePartial(f, scales, f32x4.relaxed_madd(g, n, v128.load(scales, offset)), lanes, offset);
  });
}
