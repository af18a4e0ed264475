/**
 * Initial values of parameters, made on the host: a pure function of the seed and of the parameter's dotted name.
 * Neither the device nor the order in which parameters are made, nor which others exist, changes a value.
 *
 * @module
 */
import { ShapeError } from "../core/errors.ts";
import { fnv1a64 } from "../core/hash.ts";
import { Philox, type Seed } from "../core/random.ts";
import { type Shape, sizeOf } from "../core/shape.ts";

/** Domain of initial parameters in the counter of the generator; training steps use 0. */
const PARAMETER_DOMAIN = 1;

/** The numbers of one parameter: 64 bits of its name's hash stand where others have step and stream. */
export class ParamRandom extends Philox {
  /**
   * The numbers of the parameter with this dotted name.
   *
   * @throws {RangeError} when the seed is not a `Seed`
   */
  constructor(seed: Seed, readonly name: string) {
    const hash = fnv1a64(name);
    super(seed, Number(hash >> 32n), Number(hash & 0xffffffffn), PARAMETER_DOMAIN);
  }
}

/** A rule for initial values. */
export interface Initializer {
  /** Rule and arguments, as `info` prints them: `normal(std=0.02)`. */
  readonly name: string;
  /**
   * Makes the values of one parameter. Weights of linear layers have shape `[out, in...]`; stacked experts
   * `[E, out, in]` are filled one expert at a time, each with its own name.
   *
   * @throws {ShapeError} when the rule needs `[out, in...]` and `shape` has fewer than two dimensions
   */
  fill(shape: Shape, random: ParamRandom): Float32Array<ArrayBuffer>;
}

function describe(rule: string, values: Readonly<Record<string, number>>): string {
  return `${rule}(${Object.entries(values).map(([name, value]) => `${name}=${value}`).join(", ")})`;
}

function requirePositive(rule: string, name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`Cannot use ${rule}() with ${name} ${value}: wanted a positive number`);
  }
}

/** Every element is `value`. */
export function constant(value: number): Initializer {
  return {
    name: describe("constant", { value }),
    fill: (shape) => new Float32Array(sizeOf(shape)).fill(value),
  };
}

/** Every element is 0. */
export function zeros(): Initializer {
  return { name: "zeros()", fill: (shape) => new Float32Array(sizeOf(shape)) };
}

/** Every element is 1. */
export function ones(): Initializer {
  return { name: "ones()", fill: (shape) => new Float32Array(sizeOf(shape)).fill(1) };
}

/**
 * Normal with mean 0.
 *
 * @throws {RangeError} when `std` is not positive
 */
export function normal(std: number): Initializer {
  requirePositive("normal", "std", std);
  return {
    name: describe("normal", { std }),
    fill: (shape, random) => random.normals(sizeOf(shape)).map((z) => z * std),
  };
}

/**
 * Normal with mean 0 and standard deviation `std` before truncation to `[low, high]`, two deviations unless given.
 * Values outside are dropped and the next of the sequence taken.
 *
 * @throws {RangeError} when `std` is not positive, or when `[low, high]` does not hold 0 with at least half a
 *   deviation on one side, where dropping would take too long
 */
export function truncatedNormal(std: number, low: number = -2 * std, high: number = 2 * std): Initializer {
  requirePositive("truncatedNormal", "std", std);
  if (!(low <= 0 && high >= 0 && Math.max(-low, high) >= std / 2)) {
    throw new RangeError(
      `Cannot use truncatedNormal() with bounds ${low} and ${high}: wanted low <= 0 <= high, and one bound at ` +
        `least ${std / 2} away from 0`,
    );
  }
  return {
    name: describe("truncatedNormal", { std, low, high }),
    fill: (shape, random) => {
      const result = new Float32Array(sizeOf(shape));
      let filled = 0;
      for (let drawn = 0; filled < result.length;) {
        const batch = random.normals(result.length - filled, drawn);
        drawn += batch.length;
        for (const z of batch) {
          const value = z * std;
          if (value >= low && value <= high) result[filled++] = value;
        }
      }
      return result;
    },
  };
}

/**
 * Uniform in `[-a, a)` with `a = gain * sqrt(6 / (fanIn + fanOut))`. A weight `[out, in...]` counts as the matrix
 * `[out, product of in]`, a patch embedding's convolution too.
 *
 * Source: Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010).
 *
 * @throws {RangeError} when `gain` is not positive
 */
export function xavierUniform(gain = 1): Initializer {
  requirePositive("xavierUniform", "gain", gain);
  const name = describe("xavierUniform", { gain });
  return {
    name,
    fill: (shape, random) => {
      const { fanIn, fanOut } = fans(shape, name);
      const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
      return random.uniforms(sizeOf(shape)).map((u) => (2 * u - 1) * bound);
    },
  };
}

/**
 * Normal with mean 0 and standard deviation `gain / sqrt(fanIn)`; the default gain, sqrt(2), is for ReLU.
 *
 * Source: He, Zhang, Ren, Sun, *Delving deep into rectifiers*, arXiv 1502.01852.
 *
 * @throws {RangeError} when `gain` is not positive
 */
export function kaimingNormal(gain: number = Math.SQRT2): Initializer {
  requirePositive("kaimingNormal", "gain", gain);
  const name = describe("kaimingNormal", { gain });
  return {
    name,
    fill: (shape, random) => {
      const std = gain / Math.sqrt(fans(shape, name).fanIn);
      return random.normals(sizeOf(shape)).map((z) => z * std);
    },
  };
}

function fans(shape: Shape, rule: string): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ShapeError(
      `Cannot initialise f32[${
        shape.join(", ")
      }] with ${rule}: wanted a weight [out, in...] of rank 2 or more, ` +
        `got rank ${shape.length}`,
    );
  }
  return { fanIn: sizeOf(shape.slice(1)), fanOut: shape[0] };
}
