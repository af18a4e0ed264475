import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import {
  addProduct,
  type Matrix,
  product,
  squaredNorms,
  symmetricProduct,
} from "../../../eval/metrics/product.ts";

function random(seed: number, rows: number, columns: number): Matrix {
  return { rows, columns, data: Float64Array.from(new Philox(seed, 0).normals(rows * columns)) };
}

function naive(a: Matrix, b: Matrix): Float64Array {
  const result = new Float64Array(a.rows * b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      for (let k = 0; k < a.columns; k++) {
        result[i * b.rows + j] += a.data[i * a.columns + k] * b.data[j * b.columns + k];
      }
    }
  }
  return result;
}

/** Rows of `A`, rows of `B`, columns: one, primes, whole blocks, one more than a block. */
const SHAPES: readonly [number, number, number][] = [
  [1, 1, 1],
  [3, 5, 7],
  [64, 64, 128],
  [65, 129, 131],
  [2, 67, 257],
];

Deno.test("`product()` is `A B^T`", () => {
  for (const [m, n, k] of SHAPES) {
    const [a, b] = [random(m, m, k), random(n + 1, n, k)];
    const [got, want] = [product(a, b), naive(a, b)];
    assertEquals([got.rows, got.columns], [m, n]);
    // Sums of k products differ by at most k roundings of the sum of magnitudes.
    const bound = k * 2 ** -52 * k * 16;
    assert(got.data.every((value, i) => Math.abs(value - want[i]) <= bound), `[${m}, ${n}, ${k}]`);
  }
});

Deno.test("`product()` gives an element the same bits wherever it lies", () => {
  const [a, b] = [random(1, 70, 150), random(2, 133, 150)];
  const whole = product(a, b).data;
  const cut = (m: Matrix, from: number): Matrix => ({
    ...m,
    rows: m.rows - from,
    data: m.data.subarray(from * m.columns),
  });
  const part = product(cut(a, 5), cut(b, 3));
  for (let i = 0; i < part.rows; i++) {
    const row = whole.subarray((i + 5) * b.rows + 3, (i + 6) * b.rows);
    assertEquals(part.data.slice(i * part.columns, (i + 1) * part.columns), row.slice());
  }
});

Deno.test("`symmetricProduct()` has the bits of `product()`", () => {
  const a = random(3, 131, 40);
  assertEquals(symmetricProduct(a, a), product(a, a));
});

Deno.test("`addProduct()` adds to what is there", () => {
  const a = random(4, 3, 9);
  const sum = new Float64Array(9).fill(100);
  addProduct(sum, a, a);
  assertEquals(sum, product(a, a).data.map((value) => 100 + value));
});

Deno.test("`squaredNorms()` has the bits of the diagonal of `product()`", () => {
  for (const columns of [1, 127, 128, 130, 301]) {
    const a = random(columns, 5, columns);
    const { data } = product(a, a);
    assertEquals(squaredNorms(a), Float64Array.from({ length: 5 }, (_, i) => data[6 * i]));
  }
});
