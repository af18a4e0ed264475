/**
 * Network outputs to pixels: the ways of public code, step by step in f32 as it computes them, so that bytes are equal.
 *
 * @module
 */

/**
 * A way from a network's output, about [-1, 1], to pixels of 0 to 255:
 * - `png`: `(x + 1) / 2 * 255`, rounded half to even: the PNG files of JiT (reference behaviour 56);
 * - `unrounded`: `127.5 x + 128`, not rounded: the evaluation of DSMoE (reference behaviour 55);
 * - `dit`: the same, truncated: the PNG files of DiT;
 * - `adm`: `(x + 1) * 127.5`, truncated: the sample files of ADM.
 */
export type PixelRule = "png" | "unrounded" | "dit" | "adm";

const { fround } = Math;

const RULES: Readonly<Record<PixelRule, (x: number) => number>> = {
  png: (x) => roundHalfToEven(clamp(fround(fround(fround(x + 1) / 2) * 255))),
  unrounded: (x) => clamp(fround(fround(127.5 * x) + 128)),
  dit: (x) => Math.trunc(clamp(fround(fround(127.5 * x) + 128))),
  adm: (x) => Math.trunc(clamp(fround(fround(x + 1) * 127.5))),
};

/**
 * Turns network outputs into pixels of 0 to 255; whole numbers under every rule but `unrounded`.
 *
 * @param images `f32` of any shape, about [-1, 1]
 */
export function pixelsOf(images: Float32Array, rule: PixelRule): Float32Array<ArrayBuffer> {
  return Float32Array.from(images, RULES[rule]);
}

function clamp(value: number): number {
  return Math.min(255, Math.max(0, value));
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
