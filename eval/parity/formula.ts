/**
 * Weights and images that are made by a formula instead of being stored: 32-bit integer arithmetic, the same in every
 * language. The generator is FNV-1a over the name (Fowler, Noll, Vo; public domain), then the finalizer of murmur3
 * (Appleby; public domain) over name and index.
 *
 * @module
 */
import { type Shape, sizeOf } from "../../engine/core/shape.ts";

const { imul } = Math;

/** FNV-1a, 32 bits, of an ASCII name. */
function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Number `index` of the sequence that belongs to `seed`: 32 random bits. */
function bitsAt(seed: number, index: number): number {
  let h = (seed + imul(index, 0x9e3779b9)) | 0;
  h ^= h >>> 16;
  h = imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

/** Values by the last parts of a weight's name; `u` is uniform in [-0.5, 0.5). */
function ruleOf(name: string, shape: Shape): (u: number) => number {
  if (name.endsWith(".conv.weight")) {
    const factor = 3 * Math.sqrt(3 / sizeOf(shape.slice(1)));
    return (u) => u * factor;
  }
  if (name.endsWith(".bn.weight")) return (u) => 1 + 0.4 * u;
  if (name.endsWith(".bn.running_var")) return (u) => 1 + 0.5 * Math.abs(u);
  if (name === "fc.weight") return (u) => u * (4 * Math.sqrt(3 / 2048));
  if (name === "fc.bias") return (u) => 2 * u;
  return (u) => 0.4 * u;
}

/**
 * Weights of the Inception network of FID by formula.
 *
 * @param name key in the `state_dict`
 * @param shape its shape there
 */
export function formulaWeights(name: string, shape: Shape): Float32Array<ArrayBuffer> {
  const [seed, rule] = [seedOf(name), ruleOf(name, shape)];
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = rule((bitsAt(seed, i) >>> 8) / 2 ** 24 - 0.5);
  return values;
}

/** An image by formula: coloured squares under noise. */
export interface FormulaImage {
  /** Chooses colours and noise. */
  readonly name: string;
  /** Rows. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
  /** Side of a square. */
  readonly block: number;
}

/** The pixels of an image: `u8[3, height, width]`. */
export function formulaImage({ name, height, width, block }: FormulaImage): Uint8Array<ArrayBuffer> {
  const [colours, noise] = [seedOf(name), seedOf(`${name}.noise`)];
  const pixels = new Uint8Array(3 * height * width);
  for (let c = 0, i = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const square = (c * 256 + Math.floor(y / block)) * 256 + Math.floor(x / block);
        pixels[i] = (3 * (bitsAt(colours, square) >>> 24) + (bitsAt(noise, i) >>> 24)) >>> 2;
      }
    }
  }
  return pixels;
}
