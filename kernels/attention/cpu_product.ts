import {
  f32x4,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  type Local,
  type Procedure,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";

/** Columns of a panel: two vectors. */
export const PANEL = 8;
/** Bytes of one step of a panel. */
export const PANEL_BYTES = 4 * PANEL;
/** Rows that one round of the inner loop computes: with two vectors a row, eight sums that do not wait for another. */
export const GROUP = 4;

/** Where the operands of `C = A B` are, in bytes. B is read in panels of eight columns. */
export interface ProductLayout {
  /** From one row of A to the next, and from one step of the sum to the next. */
  readonly aRow: number;
  readonly aStep: number;
  /** From one step of the sum to the next, and from one panel to the next. */
  readonly bStep: number;
  readonly bPanel: number;
  readonly cRow: number;
  /** Adds to C and does not overwrite it. */
  readonly accumulate: boolean;
  /** Steps of a round; divides the depth of every call. */
  readonly unroll: number;
}

/** Parameters of a product: addresses of A, B, C; steps of the sum; panels; groups of four rows. */
export type ProductParameters = readonly ["i32", "i32", "i32", "i32", "i32", "i32"];

/** Defines a matrix product for panels of B that stay in the first-level cache while all rows of A pass. */
export function defineProduct(
  kernel: KernelBuilder,
  name: string,
  layout: ProductLayout,
): Procedure<ProductParameters> {
  const parameters = ["i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return kernel.procedure(name, parameters, (f, a, b, c, depth, panels, groups) => {
    const bytes = f.localI32("bytes", i32.mul(depth, layout.bStep));
    const rows = f.localI32("rows");
    const to = f.localI32("to");
    f.forCount(panels, (panel) => {
      rows.set(a);
      to.set(i32.add(c, i32.mul(panel, PANEL_BYTES)));
      f.forCount(groups, () => {
        groupProduct(f, layout, rows, b, to, bytes);
        rows.set(i32.add(rows, GROUP * layout.aRow));
        to.set(i32.add(to, GROUP * layout.cRow));
      });
      b.set(i32.add(b, layout.bPanel));
    });
  });
}

/** Four rows by eight columns. */
function groupProduct(
  f: FunctionBuilder,
  layout: ProductLayout,
  rows: Local<"i32">,
  b: Local<"i32">,
  to: Local<"i32">,
  bytes: Local<"i32">,
): void {
  const { aRow, aStep, bStep, cRow, accumulate, unroll } = layout;
  const sums = Array.from({ length: 2 * GROUP }, (_, i) => f.localV128(`sum${i}`));
  const target = (i: number) => (i >> 1) * cRow + (i & 1) * 16;
  sums.forEach((sum, i) => sum.set(accumulate ? v128.load(to, target(i)) : f.f32x4(0)));
  const at = f.localI32("at", rows);
  const columns = [f.localV128("left"), f.localV128("right")];
  const factor = f.localV128("factor");
  f.forAddress(b, i32.add(b, bytes), unroll * bStep, (step) => {
    for (let u = 0; u < unroll; u++) {
      columns.forEach((column, i) => column.set(v128.load(step, u * bStep + 16 * i)));
      for (let row = 0; row < GROUP; row++) {
        factor.set(v128.load32_splat(at, row * aRow + u * aStep));
        columns.forEach((column, i) => {
          const sum = sums[2 * row + i];
          sum.set(f32x4.relaxed_madd(factor, column, sum));
        });
      }
    }
    at.set(i32.add(at, unroll * aStep));
  });
  sums.forEach((sum, i) => f.storeV128(to, sum, target(i)));
}
