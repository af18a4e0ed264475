import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  listWords,
  partsOf,
  RECORD_WORDS,
  type Run,
  totalPieces,
  walk,
} from "../../../../engine/device/cpu/call_list.ts";

const ALONE = {
  wait: () => {},
  arrive: () => {},
  fail: (_: number, error: unknown) => {
    throw error;
  },
};

/** Memory with the list at byte 0, its counters, and the records `[module, blob, range, grain]`. */
function memoryOf(records: readonly (readonly number[])[], lanes: number): Int32Array {
  const list = listWords(records.length, lanes);
  const words = new Int32Array(list + records.length * RECORD_WORDS);
  records.forEach((record, i) => {
    const at = list + i * RECORD_WORDS;
    words[i] = 4 * at;
    words.set(record, at);
  });
  return words;
}

const SPLITS = [[1, 1, 3], [10, 4, 2], [64, 8, 3], [65, 8, 4], [7, 100, 4], [1000, 1, 7], [9, 1, 2]];

Deno.test("`walk()` covers every range once, in pieces that begin at multiples of the grain", () => {
  for (const [range, grain, lanes] of SPLITS) {
    const what = `${range} by ${grain} on ${lanes}`;
    const words = memoryOf([[0, 0, range, grain]], lanes);
    const seen: number[] = [];
    let pieces = 0;
    const run: Run = (_args, begin, end) => {
      assertEquals(begin % grain, 0, what);
      assert(end === range || (end - begin) % grain === 0, what);
      for (let i = begin; i < end; i++) seen.push(i);
      pieces++;
    };
    for (let lane = 0; lane < lanes; lane++) {
      walk({ words, lane, lanes, load: () => run, barrier: ALONE }, 0, 1);
    }
    assertEquals(seen.toSorted((a, b) => a - b), Array.from({ length: range }, (_, i) => i), what);
    assertEquals(pieces, totalPieces(range, grain, lanes), what);
  }
});

Deno.test("`walk()` begins with the lane's own part, and goes on with what the others left", () => {
  const lanes = 2, words = memoryOf([[0, 0, 80, 1]], lanes);
  const begins: number[] = [];
  const load = () => (_args: number, begin: number) => void begins.push(begin);
  walk({ words, lane: 1, lanes, load, barrier: ALONE }, 0, 1);
  assertEquals(begins, [40, 50, 60, 70, 0, 10, 20, 30]);
});

Deno.test("lanes that walk a list at the same time do every piece once", () => {
  const lanes = 3, words = memoryOf([[0, 0, 120, 1]], lanes);
  const done = new Int32Array(120);
  const started = new Set<number>();
  const walkAs = (lane: number) => {
    started.add(lane);
    walk({ words, lane, lanes, load: () => run, barrier: ALONE }, 0, 1);
  };
  // A lane starts while another is in the middle of a piece.
  const run: Run = (_args, begin, end, lane) => {
    if (!started.has(lane + 1) && lane + 1 < lanes) walkAs(lane + 1);
    for (let i = begin; i < end; i++) done[i]++;
  };
  walkAs(0);
  assertEquals([...started], [0, 1, 2]);
  assertEquals(done, new Int32Array(120).fill(1));
});

Deno.test("`walk()` keeps the order of the list and hands over module, blob, arguments and lane", () => {
  const seen: unknown[] = [];
  const load = (module: number, blob: number): Run => (args, begin, end, lane) => {
    seen.push([module, blob, args, begin, end, lane]);
  };
  const words = memoryOf([[5, 64, 2, 1], [3, 128, 9, 9]], 1);
  walk({ words, lane: 0, lanes: 1, load, barrier: ALONE }, 0, 2);
  const args = [0, 1].map((record) => 4 * (listWords(2, 1) + record * RECORD_WORDS + RECORD_WORDS));
  assertEquals(seen, [[5, 64, args[0], 0, 2, 0], [3, 128, args[1], 0, 9, 0]]);
});

Deno.test("`walk()` waits for all pieces of the call before, whoever does them", () => {
  const lanes = 3, records = [[0, 0, 10, 1], [0, 0, 1, 1], [0, 0, 2, 1]];
  const totals = records.map(([, , range, grain]) => totalPieces(range, grain, lanes));
  assertEquals(totals, [3 + 3 + 4, 1, 2]);
  const [first, second, third] = [totals[0], totals[0] + totals[1], totals[0] + totals[1] + totals[2]];
  const targets = Array.from({ length: lanes }, (_, lane) => {
    const waits: number[] = [], arrivals = new Set<number>();
    const barrier = {
      ...ALONE,
      wait: (count: number) => void waits.push(count),
      arrive: (count: number) => void arrivals.add(count),
    };
    walk({ words: memoryOf(records, lanes), lane, lanes, load: () => () => {}, barrier }, 0, 3);
    return [waits, [...arrivals]];
  });
  assertEquals(targets, [
    [[0, first, second], [first, second, third]],
    [[0, second], [first, third]],
    [[0], [first]],
  ]);
  assertEquals(partsOf(2, 1, lanes), 2);
});

Deno.test("`walk()` does not wait for a call whose pieces are all taken", () => {
  const lanes = 2, words = memoryOf([[0, 0, 40, 1]], lanes);
  const load = (): Run => () => {};
  walk({ words, lane: 0, lanes, load, barrier: ALONE }, 0, 1);
  const barrier = { ...ALONE, wait: () => assert(false, "nothing is left to wait for") };
  walk({ words, lane: 1, lanes, load, barrier }, 0, 1);
});

Deno.test("`walk()` reports a call that throws by its number", () => {
  const load = (module: number): Run => () => {
    if (module === 1) throw new Error("trap");
  };
  const fail = (index: number) => {
    throw new RangeError(`call ${index}`);
  };
  const words = memoryOf([[0, 0, 1, 1], [1, 0, 1, 1]], 1);
  const own = { words, lane: 0, lanes: 1, load, barrier: { ...ALONE, fail } };
  assertThrows(() => walk(own, 0, 2), RangeError, "call 1");
});
