import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { normalFromBits, normalQuantile, normalTable } from "../../../engine/core/normal.ts";
import { Philox } from "../../../engine/core/random.ts";

const table = normalTable();

/** Upper tail probability of the standard normal: a series below 2.5, a continued fraction above. */
function upperTail(z: number): number {
  const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let n = 3; Math.abs(term) > 1e-18; n += 2) {
      term *= z * z / n;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 120; k > 0; k--) fraction = z + k / fraction;
  return density / fraction;
}

/** The lower 31 bits at both ends of every segment, and inside it. */
function* sweep(): Generator<number> {
  for (let octave = 0; octave < 31; octave++) {
    const width = 2 ** octave;
    const stride = Math.max(1, width / 2048);
    for (let offset = 0; offset < width; offset += stride) {
      yield width + Math.floor(offset);
      yield width + Math.min(width - 1, Math.floor(offset + stride) - 1);
    }
  }
}

Deno.test("`normalQuantile()` inverts the normal distribution function", () => {
  for (let z = 0; z < 6.3; z += 0.01) {
    assertLess(Math.abs(normalQuantile(upperTail(z)) - z), 1e-11, `z = ${z}`);
  }
});

Deno.test("`normalTable()` falls to 0, and its differences times a 16-bit fraction fit in an i32", () => {
  assertEquals(table.length, 8193);
  assertEquals(table[8192], 0);
  assertLess(table[0], 2 ** 23);
  for (let s = 0; s < 8192; s++) {
    assertGreater(table[s], table[s + 1]);
    assertLess((table[s] - table[s + 1]) * 65535, 2 ** 31);
  }
});

Deno.test("`normalFromBits()` is within 2e-6 of the exact inverse and monotone over a dense sweep", () => {
  let worst = 0;
  let previous = Infinity;
  for (const m of sweep()) {
    const z = normalFromBits(m, table);
    worst = Math.max(worst, Math.abs(z - normalQuantile((m + 0.5) / 2 ** 32)));
    assertLessOrEqual(z, previous);
    previous = z;
  }
  assertLess(worst, 2e-6);
});

Deno.test("`normalFromBits()` is symmetric, never -0, exact in f32, and bounded", () => {
  assertEquals(normalFromBits(0, table), table[0] / 2 ** 20);
  for (const m of [0, 1, 2, 255, 256, 65536, 0x40000000, 0x7ffffffe, 0x7fffffff]) {
    const positive = normalFromBits(m, table);
    const negative = normalFromBits((m | 0x80000000) >>> 0, table);
    assertEquals(negative + positive, 0);
    assert(!Object.is(negative, -0));
    assertEquals(Math.fround(positive), positive);
    assertGreaterOrEqual(positive, 0);
    assertLess(positive, 6.34);
  }
  assertEquals(Object.is(normalFromBits(0xffffffff, table), 0), true);
});

Deno.test("`normals()` has the moments of the standard normal distribution", () => {
  const count = 1e6;
  const values = new Philox(1234, 0).normals(count);
  const moments = [0, 0, 0, 0];
  for (const z of values) {
    for (let k = 0, power = z; k < 4; k++, power *= z) moments[k] += power / count;
  }
  // Five standard errors each; the variances of z, z^2, z^3, z^4 are 1, 2, 15, 96.
  [[0, 1], [1, 2], [0, 15], [3, 96]].forEach(([wanted, variance], k) => {
    assertLess(Math.abs(moments[k] - wanted), 5 * Math.sqrt(variance / count), `moment ${k + 1}`);
  });
});

Deno.test("`normals()` follows the distribution function (Kolmogorov-Smirnov)", () => {
  const count = 1e6;
  const values = new Philox(99, 7, 3).normals(count).sort();
  let distance = 0;
  values.forEach((z, i) => {
    const below = z < 0 ? upperTail(-z) : 1 - upperTail(z);
    distance = Math.max(distance, Math.abs(below - i / count), Math.abs(below - (i + 1) / count));
  });
  // The 0.01% point of the Kolmogorov distribution.
  assertLess(distance * Math.sqrt(count), 2.23);
});
