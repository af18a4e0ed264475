import { assert, assertEquals } from "@std/assert";
import { labelOf } from "../../../eval/mod.ts";

const labels = (rule: "balanced" | "random", count: number, classes: number, seed = 0) =>
  Array.from({ length: count }, (_, i) => labelOf(rule, i, count, classes, seed));

function countsOf(labels: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]++;
  return counts;
}

Deno.test("`labelOf()` shares 50,000 samples out equally, and each piece of 5,000 too", () => {
  const all = labels("balanced", 50_000, 1000);
  assertEquals(new Set(countsOf(all.slice(0, 5000), 1000)), new Set([5]));
  assertEquals(new Set(countsOf(all, 1000)), new Set([50]));
});

Deno.test("`labelOf()` spreads what is left over, and what only fills a batch stays in range", () => {
  assertEquals(labels("balanced", 14, 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 2, 5, 7]);
  assertEquals(labels("balanced", 4, 10), [0, 2, 5, 7]);
  for (let index = 14; index < 40; index++) {
    const label = labelOf("balanced", index, 14, 10, 0);
    assert(Number.isInteger(label) && label >= 0 && label < 10);
  }
});

Deno.test("`labelOf()` draws random labels by seed and index alone, uniformly", () => {
  const all = labels("random", 4000, 4, 7);
  assertEquals(labels("random", 4000, 4, 7), all);
  assert(labels("random", 4000, 4, 8).some((label, i) => label !== all[i]));
  assertEquals(labelOf("random", 123, 9, 4, 7), all[123]);
  // Standard deviation of a count: 27.
  for (const count of countsOf(all, 4)) assert(Math.abs(count - 1000) < 140, `${count}`);
});
