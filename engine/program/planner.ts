/** A buffer's life inside a program: from the call that makes it to the last call that uses it. */
export interface Interval {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Which pooled buffer serves each interval, and how large every pooled buffer must be. */
export interface MemoryPlan {
  readonly slots: readonly number[];
  readonly slotBytes: readonly number[];
}

/**
 * Colours liveness intervals onto whole buffers, largest first: each takes the first buffer that is free all its
 * life. Whole buffers, since WebGPU rejects two slices of one buffer bound `read` and `read_write` in a dispatch.
 *
 * Source: greedy-by-size of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020).
 */
export function planMemory(intervals: readonly Interval[]): MemoryPlan {
  const order = intervals.map((_, i) => i).sort((a, b) =>
    intervals[b].bytes - intervals[a].bytes || intervals[a].first - intervals[b].first
  );
  const slots = new Array<number>(intervals.length);
  const slotBytes: number[] = [];
  const tenants: Interval[][] = [];
  for (const i of order) {
    const interval = intervals[i];
    let slot = tenants.findIndex((others) => others.every((other) => disjoint(other, interval)));
    if (slot < 0) {
      slot = tenants.length;
      tenants.push([]);
      slotBytes.push(interval.bytes);
    }
    tenants[slot].push(interval);
    slots[i] = slot;
  }
  return { slots, slotBytes };
}

function disjoint(a: Interval, b: Interval): boolean {
  return a.last < b.first || b.last < a.first;
}
