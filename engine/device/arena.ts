import { sizeOf } from "../core/shape.ts";
import { BYTES_PER_ELEMENT, type DType, hostArray } from "../core/dtype.ts";
import { makeSpec, type Spec } from "../core/spec.ts";
import type { Tensor } from "../tensor.ts";
import type { Device } from "./device.ts";

/** Elements that parts of an arena begin at multiples of: 256 bytes, where WebGPU lets a binding begin. */
export const ARENA_LINE = 64;

/** Most bytes of one buffer of an arena; what every adapter can bind. */
const LARGEST_BUFFER = 128 * 2 ** 20;

/** Where a part lies: number of the buffer, and its first element there. */
export interface Place {
  /** Number of the buffer. */
  readonly buffer: number;
  /** First element. */
  readonly start: number;
}

/** Some elements of a buffer that a kernel takes at once. */
export interface Piece extends Place {
  /** Number of elements, a multiple of `ARENA_LINE`. */
  readonly size: number;
}

/** Places of parts, and how many elements each buffer has. */
export interface ArenaLayout {
  /** In the order of the parts. */
  readonly places: readonly Place[];
  /** Elements of each buffer, multiples of `ARENA_LINE`. */
  readonly sizes: readonly number[];
  /** The buffers one after the other, in several pieces where one is larger than a kernel can take. */
  readonly pieces: readonly Piece[];
}

/**
 * Lays parts one after the other into as few buffers as hold them in this order.
 *
 * @param sizes elements of each part
 * @param largest elements of the largest buffer and of the largest piece; a larger part has a buffer of its own
 * @param line elements that parts begin at multiples of, itself a multiple of `ARENA_LINE`
 */
export function layOut(sizes: readonly number[], largest: number, line: number = ARENA_LINE): ArenaLayout {
  const lengths: number[] = [];
  const places = sizes.map((size): Place => {
    const length = Math.ceil(size / line) * line;
    const start = lengths.at(-1);
    if (start !== undefined && start + length <= largest) lengths[lengths.length - 1] = start + length;
    else lengths.push(length);
    return { buffer: lengths.length - 1, start: lengths[lengths.length - 1] - length };
  });
  return { places, sizes: lengths, pieces: lengths.flatMap((size, buffer) => cut(buffer, size, largest)) };
}

function cut(buffer: number, size: number, largest: number): Piece[] {
  const most = Math.min(size, Math.max(1, Math.floor(largest / ARENA_LINE)) * ARENA_LINE);
  return Array.from({ length: size === 0 ? 0 : Math.ceil(size / most) }, (_, i) => {
    const start = i * most;
    return { buffer, start, size: Math.min(most, size - start) };
  });
}

/** How an arena is laid out and filled. */
export interface ArenaOptions {
  /** Elements that parts begin at multiples of; `ARENA_LINE` unless given. */
  readonly line?: number;
  /** Whether the memory is zero, and not undefined; true unless given. */
  readonly zeros?: boolean;
  /** Whether all parts are in one buffer that is one piece, whatever its size. */
  readonly single?: boolean;
}

/**
 * Persistent tensors that lie one after the other in few buffers, so that one launch can work on all of them. Each is
 * a tensor like any other; only, no kernel call may read one and write another of one buffer (WebGPU forbids it).
 * See `docs/adr/0012-arenas.md`.
 */
export class Arena implements Disposable {
  /** The tensors, in the order of their specs. */
  readonly parts: readonly Tensor[];
  /** The layout's pieces: one dimension, with unused elements, all of them zero, between the parts. */
  readonly pieces: readonly Tensor[];
  /** Places of the parts. */
  readonly layout: ArenaLayout;
  readonly #buffers: readonly Tensor[];

  /**
   * Takes memory. All of it is zero, or undefined if told so.
   *
   * @param specs of one element type
   * @throws {DeviceError} when a part is larger than one buffer can be
   */
  constructor(
    private readonly device: Device,
    specs: readonly Spec[],
    { line = ARENA_LINE, zeros = true, single = false }: ArenaOptions = {},
  ) {
    const dtype: DType = specs[0]?.dtype ?? "f32";
    const largest = single
      ? Infinity
      : Math.min(LARGEST_BUFFER, device.backend.largestOperand) / BYTES_PER_ELEMENT;
    this.layout = layOut(specs.map(({ shape }) => sizeOf(shape)), largest, line);
    this.#buffers = this.layout.sizes.map((size) => device.persistent(makeSpec(dtype, [size])));
    if (zeros) {
      const values = hostArray(dtype, Math.max(0, ...this.layout.sizes));
      for (const buffer of this.#buffers) buffer.write(values.subarray(0, buffer.size));
    }
    this.parts = specs.map((spec, i) => {
      const { buffer, start } = this.layout.places[i];
      return device.part(this.#buffers[buffer], start, spec);
    });
    this.pieces = this.layout.pieces.map(({ buffer, start, size }) => {
      const whole = this.#buffers[buffer];
      return size === whole.size ? whole : device.part(whole, start, makeSpec(dtype, [size]));
    });
  }

  /** Gives the memory back; the parts go with it. */
  [Symbol.dispose](): void {
    for (const buffer of this.#buffers) this.device.release(buffer);
  }
}
