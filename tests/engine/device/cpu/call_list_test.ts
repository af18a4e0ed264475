import { assertEquals, assertThrows } from "@std/assert";
import { partsOf, RECORD_WORDS, walk } from "../../../../engine/device/cpu/call_list.ts";

const ALONE = {
  wait: () => {},
  arrive: () => {},
  fail: (_: number, error: unknown) => {
    throw error;
  },
};

/** Memory with the records `[module, blob, range, grain]`, and the list of their addresses at byte 0. */
function memoryOf(records: readonly (readonly number[])[]): Int32Array {
  const words = new Int32Array(records.length + records.length * RECORD_WORDS);
  records.forEach((record, i) => {
    const at = records.length + i * RECORD_WORDS;
    words[i] = 4 * at;
    words.set(record, at);
  });
  return words;
}

Deno.test("`walk()` splits every range into parts that cover it once and begin at multiples of the grain", () => {
  for (
    const [range, grain, lanes] of [[1, 1, 3], [10, 4, 2], [64, 8, 3], [65, 8, 4], [7, 100, 4], [1000, 1, 7]]
  ) {
    const seen: number[] = [];
    let parts = 0;
    for (let lane = 0; lane < lanes; lane++) {
      const run = (_args: number, begin: number, end: number) => {
        assertEquals(begin % grain, 0);
        for (let i = begin; i < end; i++) seen.push(i);
        parts++;
      };
      walk(memoryOf([[0, 0, range, grain]]), 0, 1, lane, lanes, () => run, ALONE);
    }
    assertEquals(seen, Array.from({ length: range }, (_, i) => i), `${range} by ${grain} on ${lanes}`);
    assertEquals(parts, partsOf(range, grain, lanes));
  }
});

Deno.test("`walk()` keeps the order of the list and hands over module, blob, arguments and lane", () => {
  const seen: unknown[] = [];
  const load = (module: number, blob: number) => (args: number, begin: number, end: number, lane: number) => {
    seen.push([module, blob, args, begin, end, lane]);
  };
  walk(memoryOf([[5, 64, 2, 1], [3, 128, 9, 9]]), 0, 2, 0, 1, load, ALONE);
  assertEquals(seen, [[5, 64, 4 * (2 + RECORD_WORDS), 0, 2, 0], [
    3,
    128,
    4 * (2 + 2 * RECORD_WORDS),
    0,
    9,
    0,
  ]]);
});

Deno.test("`walk()` counts the parts of other lanes, so that the barrier's targets agree", () => {
  const lanes = 3;
  const words = memoryOf([[0, 0, 10, 1], [0, 0, 1, 1], [0, 0, 2, 1]]);
  const targets = Array.from({ length: lanes }, (_, lane) => {
    const seen: number[] = [];
    const barrier = {
      ...ALONE,
      wait: (count: number) => void seen.push(count),
      arrive: (count: number) => void seen.push(count),
    };
    walk(words, 0, 3, lane, lanes, () => () => {}, barrier);
    return seen;
  });
  assertEquals(targets, [[0, 3, 3, 4, 4, 6], [0, 3, 4, 6], [0, 3]]);
});

Deno.test("`walk()` reports a call that throws by its number", () => {
  const load = (module: number) => () => {
    if (module === 1) throw new Error("trap");
  };
  const fail = (index: number) => {
    throw new RangeError(`call ${index}`);
  };
  const words = memoryOf([[0, 0, 1, 1], [1, 0, 1, 1]]);
  assertThrows(() => walk(words, 0, 2, 0, 1, load, { ...ALONE, fail }), RangeError, "call 1");
});
