/** The arrays of a dispatch plan; their lengths give E, T * K, R and R / tile. */
export interface PlanArrays<A> {
  /** `[E]`. */
  readonly counts: A;
  /** `[E + 1]`. */
  readonly offsets: A;
  /** `[T * K]`. */
  readonly row: A;
  /** `[R]`. */
  readonly slot: A;
  /** `[R / tile]`. */
  readonly tileExpert: A;
}

type Writable = { readonly length: number; [i: number]: number; fill(value: number): unknown };

/**
 * The definition of `dispatch`: count, lay out whole tiles, then place the pairs in their order. An index outside
 * 0 to E - 1 counts as E - 1.
 */
export function planDispatch(indices: ArrayLike<number>, plan: PlanArrays<Writable>, tile: number): void {
  const { counts, offsets, row, slot, tileExpert } = plan;
  const last = counts.length - 1;
  const expertOf = (pair: number) => Math.min(indices[pair] >>> 0, last);
  counts.fill(0);
  slot.fill(-1);
  tileExpert.fill(-1);
  for (let pair = 0; pair < indices.length; pair++) counts[expertOf(pair)] += 1;
  offsets[0] = 0;
  for (let e = 0; e <= last; e++) {
    const tiles = Math.ceil(counts[e] / tile);
    offsets[e + 1] = offsets[e] + tiles * tile;
    for (let i = 0; i < tiles; i++) tileExpert[offsets[e] / tile + i] = e;
  }
  const next = Int32Array.from({ length: counts.length }, (_, e) => offsets[e]);
  for (let pair = 0; pair < indices.length; pair++) {
    const r = next[expertOf(pair)]++;
    row[pair] = r;
    slot[r] = pair;
  }
}
