/** The right side of `dy/dt = f(t, y)`; may return the same array again and again. */
export type Derivative = (t: number, y: Float64Array) => Promise<ArrayLike<number>>;

/** How exact a solution must be. */
export interface Tolerances {
  /** Relative to the values. */
  readonly rtol: number;
  /** Absolute. */
  readonly atol: number;
}

/** A solution and what it took. */
export interface Integration {
  /** The values at the end. */
  readonly y: Float64Array;
  /** Calls of the derivative. */
  readonly evaluations: number;
  /** Steps that were taken. */
  readonly accepted: number;
  /** Steps that were tried and found too large. */
  readonly rejected: number;
}

/** Rows of the Runge-Kutta matrix; the last one is also the solution of order 5. */
const STAGES: readonly (readonly number[])[] = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const TIMES: readonly number[] = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];
/** Weights of the solution of order 5 minus those of order 4. */
const ERROR: readonly number[] = [
  71 / 57600,
  0,
  -71 / 16695,
  71 / 1920,
  -17253 / 339200,
  22 / 525,
  -1 / 40,
];

/** Bounds of the change of step size, and the share of the best guess that is taken. */
const GROW = 10;
const SHRINK = 0.2;
const SAFETY = 0.9;

/**
 * Integrates from `from` to `to` with steps as large as the tolerances allow: Dormand and Prince's pair of orders 5
 * and 4, with the error as the root mean square over all values of `error / (atol + rtol max(|y|, |y next|))`.
 *
 * Source: Dormand and Prince, 1980; Hairer, Norsett, Wanner, "Solving Ordinary Differential Equations I", II.4.
 *
 * @param onStep called after each step that was taken
 */
export async function dopri5(
  derivative: Derivative,
  start: Float64Array,
  [from, to]: readonly [number, number],
  tolerances: Tolerances,
  onStep: (t: number, y: Float64Array) => Promise<void> | void = () => {},
): Promise<Integration> {
  let evaluations = 0;
  const slope = async (t: number, y: Float64Array) => {
    evaluations++;
    return Float64Array.from(await derivative(t, y));
  };
  let [t, y, accepted, rejected] = [from, start, 0, 0];
  let first = await slope(t, y);
  let size = await firstStep(slope, t, y, first, tolerances);
  while (t < to) {
    const step = Math.min(size, to - t);
    const slopes = [first];
    let next = y;
    for (let stage = 1; stage < STAGES.length; stage++) {
      next = combined(y, step, slopes, STAGES[stage]);
      slopes.push(await slope(t + TIMES[stage] * step, next));
    }
    const zero = new Float64Array(y.length);
    const error = scaledNorm(combined(zero, step, slopes, ERROR), y, next, tolerances);
    size = step * Math.min(GROW, Math.max(SHRINK, SAFETY * error ** -0.2));
    if (!(error <= 1)) {
      rejected++;
      requireProgress(t, size);
      continue;
    }
    accepted++;
    // The last slope of this step is the first one of the next.
    [t, y, first] = [step === to - t ? to : t + step, next, slopes[slopes.length - 1]];
    await onStep(t, y);
  }
  return { y, evaluations, accepted, rejected };
}

/** `y + step * sum of weights[i] * slopes[i]`. */
function combined(
  y: Float64Array,
  step: number,
  slopes: readonly Float64Array[],
  weights: readonly number[],
): Float64Array {
  const sum = Float64Array.from(y);
  weights.forEach((weight, i) => {
    if (weight === 0) return;
    const [factor, slope] = [step * weight, slopes[i]];
    for (let k = 0; k < sum.length; k++) sum[k] += factor * slope[k];
  });
  return sum;
}

/** Root mean square of `values / (atol + rtol max(|a|, |b|))`. */
function scaledNorm(
  values: Float64Array,
  a: Float64Array,
  b: Float64Array,
  { rtol, atol }: Tolerances,
): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) {
    sum += (values[k] / (atol + rtol * Math.max(Math.abs(a[k]), Math.abs(b[k])))) ** 2;
  }
  return Math.sqrt(sum / values.length);
}

/** The usual guess from the size of the values, of the slope and of its change (Hairer, II.4). */
async function firstStep(
  slope: (t: number, y: Float64Array) => Promise<Float64Array>,
  t: number,
  y: Float64Array,
  first: Float64Array,
  tolerances: Tolerances,
): Promise<number> {
  const norm = (values: Float64Array) => scaledNorm(values, y, y, tolerances);
  const [size, speed] = [norm(y), norm(first)];
  const trial = size < 1e-5 || speed < 1e-5 ? 1e-6 : 0.01 * size / speed;
  const second = await slope(t + trial, combined(y, trial, [first], [1]));
  const change = norm(second.map((value, k) => value - first[k])) / trial;
  const steepest = Math.max(speed, change);
  const step = steepest <= 1e-15 ? Math.max(1e-6, trial * 1e-3) : (0.01 / steepest) ** 0.2;
  return Math.min(100 * trial, step);
}

/** @throws {RangeError} when a step is too small to move the time */
function requireProgress(t: number, size: number): void {
  if (t + size > t) return;
  throw new RangeError(
    `Cannot integrate past t = ${t}: the error stays above the tolerance however small the step, got ${size}`,
  );
}
