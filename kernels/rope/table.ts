import { ShapeError } from "../../engine/core/errors.ts";

/** Cosines and sines of every token and channel, `f32[2, N, D]`, on the host: pass it to `device.constant`. */
export interface RopeTable {
  /** `[2, N, D]`; index 0 of the first axis holds cosines, index 1 sines. */
  readonly shape: readonly [number, number, number];
  /** The values, row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * Table of one-dimensional positions: channel `j` and channel `j + D/2` turn by `n * base^(-2j/D)`.
 * Use it with `{ pairing: "half", block: D }`. Source: Su et al. 2021, in the split-half layout of GPT-NeoX.
 *
 * @param tokens N, numbered from 0
 * @param headDim D, even
 * @throws {ShapeError} when `headDim` is odd
 */
export function ropeTable1d(tokens: number, headDim: number, base = 10000): RopeTable {
  checkHeadDim(headDim, 2);
  const half = headDim / 2;
  return fill(tokens, headDim, (n, d) => n * base ** (-(d % half) / half));
}

/**
 * Table of a grid, row by row: the first half of a head turns with the row, the second with the column, each half
 * with its own frequencies `base^(-i/(D/4))` laid out `[f | f]`. Use it with `{ pairing: "half", block: D/2 }`.
 *
 * @param headDim D, a multiple of 4
 * @throws {ShapeError} when `headDim` is not a multiple of 4
 */
export function ropeTable2d(height: number, width: number, headDim: number, base = 10000): RopeTable {
  checkHeadDim(headDim, 4);
  const half = headDim / 2;
  const quarter = headDim / 4;
  return fill(height * width, headDim, (n, d) => {
    const position = d < half ? Math.floor(n / width) : n % width;
    return position * base ** (-(d % quarter) / quarter);
  });
}

/**
 * Table of a grid for neighbouring pairs: as `ropeTable2d`, but channels `2i` and `2i + 1` share a frequency. The
 * first `leading` tokens have no position and stay as they are (cosine 1, sine 0).
 * Use it with `{ pairing: "interleaved" }`. Source: the vision rotary embedding of EVA-02 and JiT.
 *
 * @param headDim D, a multiple of 4
 * @param leading tokens in front of the grid, such as class tokens
 * @throws {ShapeError} when `headDim` is not a multiple of 4
 */
export function ropeTableInterleaved2d(
  height: number,
  width: number,
  headDim: number,
  leading = 0,
  base = 10000,
): RopeTable {
  checkHeadDim(headDim, 4);
  const half = headDim / 2;
  const quarter = headDim / 4;
  return fill(leading + height * width, headDim, (n, d) => {
    const cell = n - leading;
    if (cell < 0) return 0;
    const position = d < half ? Math.floor(cell / width) : cell % width;
    return position * base ** (-Math.floor((d % half) / 2) / quarter);
  });
}

function checkHeadDim(headDim: number, factor: number): void {
  if (Number.isInteger(headDim) && headDim > 0 && headDim % factor === 0) return;
  throw new ShapeError(
    `Cannot make a rotary table for heads of ${headDim} channels: a multiple of ${factor} is wanted`,
  );
}

/** Angles, cosines and sines in f64, rounded once. */
function fill(tokens: number, headDim: number, angle: (n: number, d: number) => number): RopeTable {
  const size = tokens * headDim;
  const data = new Float32Array(2 * size);
  for (let i = 0; i < size; i++) {
    const turned = angle(Math.floor(i / headDim), i % headDim);
    data[i] = Math.cos(turned);
    data[size + i] = Math.sin(turned);
  }
  return { shape: [2, tokens, headDim], data };
}
