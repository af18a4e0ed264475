import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { type Interval, planMemory } from "../../../engine/program/planner.ts";

Deno.test("`planMemory()` shares a buffer between lives that do not meet", () => {
  const plan = planMemory([
    { bytes: 64, first: 0, last: 1 },
    { bytes: 32, first: 2, last: 3 },
    { bytes: 16, first: 4, last: 4 },
  ]);
  assertEquals(plan.slotBytes, [64]);
  assertEquals(plan.slots, [0, 0, 0]);
});

Deno.test("`planMemory()` keeps apart what one call reads and writes", () => {
  const plan = planMemory([{ bytes: 64, first: 0, last: 3 }, { bytes: 64, first: 3, last: 5 }]);
  assertEquals(plan.slotBytes.length, 2);
});

Deno.test("`planMemory()` never overlaps lives, and never needs more than one buffer a tensor", () => {
  for (let seed = 0; seed < 20; seed++) {
    const numbers = new Philox(seed, 0).integers(300, 100);
    const intervals = Array.from({ length: 100 }, (_, i): Interval => ({
      bytes: 4 * (1 + numbers[3 * i]),
      first: numbers[3 * i + 1],
      last: numbers[3 * i + 1] + numbers[3 * i + 2] % 10,
    }));
    const { slots, slotBytes } = planMemory(intervals);
    intervals.forEach((a, i) => {
      assert(a.bytes <= slotBytes[slots[i]]);
      intervals.slice(0, i).forEach((b, j) =>
        assert(slots[i] !== slots[j] || a.last < b.first || b.last < a.first, `${i} and ${j} overlap`)
      );
    });
    assert(slotBytes.length < intervals.length);
  }
});
