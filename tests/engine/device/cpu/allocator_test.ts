import { assert, assertEquals } from "@std/assert";
import { ALIGNMENT, Allocator } from "../../../../engine/device/cpu/allocator.ts";

/** A small generator with a fixed seed (xorshift32), so that a failure repeats. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

Deno.test("`Allocator` never overlaps blocks and merges everything back when all are given", () => {
  for (const seed of [1, 2, 3]) {
    const next = random(seed), allocator = new Allocator(ALIGNMENT);
    const total = 4096 * ALIGNMENT;
    allocator.extend(total);
    const live = new Map<number, number>();
    for (let step = 0; step < 4000; step++) {
      if (next(5) < 3) {
        const size = ALIGNMENT * (1 + next(next(4) === 0 ? 400 : 12));
        const address = allocator.take(size);
        if (address === undefined) {
          assert(
            allocator.largestFree < size,
            `${size} bytes were refused, ${allocator.largestFree} are free`,
          );
        } else {
          assertEquals(address % ALIGNMENT, 0);
          assert(address >= ALIGNMENT && address + size <= ALIGNMENT + total);
          for (const [start, length] of live) assert(address + size <= start || start + length <= address);
          live.set(address, size);
        }
      } else if (live.size > 0) {
        const address = [...live.keys()][next(live.size)];
        assertEquals(allocator.give(address), true);
        live.delete(address);
      }
      assertEquals(allocator.used, [...live.values()].reduce((sum, size) => sum + size, 0));
    }
    for (const address of live.keys()) allocator.give(address);
    assertEquals([allocator.used, allocator.largestFree, allocator.freeTail], [0, total, total]);
    assertEquals(allocator.take(total), ALIGNMENT);
  }
});

Deno.test("`take()` reuses an exact fit before it splits a larger block", () => {
  const allocator = new Allocator(ALIGNMENT);
  allocator.extend(100 * ALIGNMENT);
  const blocks = [9, 1, 11, 1].map((units) => allocator.take(units * ALIGNMENT)!);
  allocator.give(blocks[2]);
  allocator.give(blocks[0]);
  assertEquals(allocator.take(9 * ALIGNMENT), blocks[0]);
  assertEquals(allocator.take(11 * ALIGNMENT), blocks[2]);
});

Deno.test("`give()` refuses what was not handed out, and a block twice", () => {
  const allocator = new Allocator(ALIGNMENT);
  allocator.extend(10 * ALIGNMENT);
  const address = allocator.take(ALIGNMENT)!;
  assertEquals(allocator.give(address + 1), false);
  assertEquals(allocator.give(address), true);
  assertEquals(allocator.give(address), false);
});

Deno.test("`extend()` joins the free end", () => {
  const allocator = new Allocator(ALIGNMENT);
  allocator.extend(4 * ALIGNMENT);
  allocator.take(2 * ALIGNMENT);
  allocator.extend(6 * ALIGNMENT);
  assertEquals([allocator.freeTail, allocator.end], [8 * ALIGNMENT, 11 * ALIGNMENT]);
  assertEquals(allocator.take(8 * ALIGNMENT), 3 * ALIGNMENT);
});
