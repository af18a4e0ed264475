import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type Matrix, product } from "../../../eval/metrics/product.ts";
import { rootOf, traceOfRoot } from "../../../eval/metrics/spectrum.ts";

/** The second difference of `n` points, whose eigenvalues are `4 sin^2(pi i / (2 n + 2))`. */
function secondDifference(n: number): Matrix {
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    data[i * n + i] = 2;
    if (i > 0) data[i * n + i - 1] = data[(i - 1) * n + i] = -1;
  }
  return { rows: n, columns: n, data };
}

Deno.test("`traceOfRoot()` sums the square roots of the eigenvalues", () => {
  for (const n of [1, 2, 7, 50]) {
    let want = 0;
    for (let i = 1; i <= n; i++) want += 2 * Math.sin(Math.PI * i / (2 * n + 2));
    assertAlmostEquals(traceOfRoot(secondDifference(n)), want, 1e-13 * n);
  }
});

Deno.test("`traceOfRoot()` counts eigenvalues that rounding put below zero as zero", () => {
  assertEquals(traceOfRoot({ rows: 2, columns: 2, data: Float64Array.of(4, 0, 0, -1e-17) }), 2);
});

Deno.test("`rootOf()` gives a matrix whose square is the given one", () => {
  const matrix = secondDifference(23);
  const root = rootOf(matrix);
  const transposed = Float64Array.from(
    { length: root.data.length },
    (_, i) => root.data[(i % root.rows) * root.columns + Math.floor(i / root.rows)],
  );
  const columns: Matrix = { rows: root.columns, columns: root.rows, data: transposed };
  const square = product(columns, columns).data;
  assert(square.every((value, i) => Math.abs(value - matrix.data[i]) < 1e-13));
});

Deno.test("`rootOf()` leaves out directions without variance", () => {
  const data = Float64Array.of(9, 0, 0, 0, 0, 0, 0, 0, 4);
  const root = rootOf({ rows: 3, columns: 3, data });
  assertEquals([root.rows, root.columns], [2, 3]);
  assertEquals(root.data.map(Math.abs), Float64Array.of(0, 0, 2, 3, 0, 0));
});
