/** Numbers in host memory, as golden files and tensors give them. */
export type Numbers = ArrayLike<number>;

/** Squared L2 distance and squared norm of the wanted values, so that tensors can be added up. */
export interface Distance {
  readonly squaredError: number;
  readonly squaredNorm: number;
}

/** Distance of `got` from `want`, in f64; not a number where a value is not. */
export function distance(got: Numbers, want: Numbers): Distance {
  let [squaredError, squaredNorm] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    squaredError += (got[i] - want[i]) ** 2;
    squaredNorm += want[i] ** 2;
  }
  return { squaredError, squaredNorm };
}

/** Both distances, as if the tensors were one vector. */
export function total(distances: Iterable<Distance>): Distance {
  let [squaredError, squaredNorm] = [0, 0];
  for (const part of distances) {
    squaredError += part.squaredError;
    squaredNorm += part.squaredNorm;
  }
  return { squaredError, squaredNorm };
}

/** `|got - want| / |want|`; where all wanted values are 0, 0 for equal values and infinity for others. */
export function relativeError({ squaredError, squaredNorm }: Distance): number {
  return squaredError === 0 ? 0 : Math.sqrt(squaredError) / Math.sqrt(squaredNorm);
}

/** The largest `|got - want| / |scale|`: 0 for equal values whatever the scale, not a number where a value is not. */
export function largestRelativeError(got: Numbers, want: Numbers, scales: Numbers): number {
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    if (got[i] !== want[i]) largest = Math.max(largest, Math.abs(got[i] - want[i]) / Math.abs(scales[i]));
  }
  return largest;
}

/** `a - b`, in f64. */
export function difference(a: Numbers, b: Numbers): Float64Array {
  return Float64Array.from({ length: a.length }, (_, i) => a[i] - b[i]);
}

/** Number of elements that differ. */
export function mismatches(got: Numbers, want: Numbers): number {
  let count = 0;
  for (let i = 0; i < want.length; i++) if (got[i] !== want[i]) count++;
  return count;
}
