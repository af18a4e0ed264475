import { f32, i32, u32 } from "../engine/core/spec.ts";
import { Arena, ARENA_LINE, type ArenaLayout } from "../engine/device/arena.ts";
import type { Device } from "../engine/device/device.ts";
import type { Parameter } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { adamwAdvance, type AdamwControl, type AdvanceAttrs, ALWAYS, NEVER } from "../kernels/adamw/mod.ts";
import { reshape } from "../kernels/reshape/mod.ts";
import type { Routing } from "../models/moe/sparse_moe.ts";

/** Step counters of one parameter. */
interface Counters {
  readonly steps: Tensor;
  readonly correction: Tensor;
}

/** The step counters of all parameters, and which counter belongs to which elements of their arenas. */
export class OptimizerSlots implements Disposable {
  /** In the order of the parameters. */
  readonly counters: readonly Counters[];
  /** Elements of a line: all of them have one slot, so that experts whose size is odd make it shorter. */
  readonly line: number;
  /** For each piece of the parameters' arena the slot of each line, `i32[size / line]`. */
  readonly ofLine: readonly Tensor[];
  readonly #steps: Arena;
  readonly #correction: Arena;
  readonly #decay: Tensor;
  readonly #sources = new Map<string, Tensor>();

  /** All counters start at 0. */
  constructor(
    private readonly device: Device,
    private readonly parameters: readonly Parameter[],
    layout: ArenaLayout,
    decayOf: (parameter: Parameter) => number,
  ) {
    const groups = parameters.map(({ options }) => options.experts ?? 1);
    this.line = parameters.map(({ size }, i) => groups[i] > 1 ? size / groups[i] : ARENA_LINE)
      .reduce(commonDivisor, ARENA_LINE);
    this.#steps = new Arena(device, groups.map((count) => u32(count)), { single: true });
    // Slot s has elements 2s and 2s + 1 of the corrections, so their parts begin at twice the slot.
    this.#correction = new Arena(device, groups.map((count) => f32(count, 2)), {
      line: 2 * ARENA_LINE,
      single: true,
    });
    this.counters = parameters.map((_, i) => ({
      steps: this.#steps.parts[i],
      correction: this.#correction.parts[i],
    }));
    const decays = new Float32Array(this.#size);
    parameters.forEach((parameter, i) => decays.fill(decayOf(parameter), ...this.#range(i)));
    this.#decay = device.persistent(f32(decays.length), decays);
    const tables = layout.sizes.map((size, buffer) => this.#slotsOfLines(layout, buffer, size));
    this.ofLine = layout.pieces.map(({ buffer, start, size }) => {
      const slots = tables[buffer].slice(start / this.line, (start + size) / this.line);
      return device.persistent(i32(slots.length), slots);
    });
  }

  /**
   * Counts a step of every parameter that has a gradient, and of the experts that got tokens. Gives the coefficients
   * of all slots, `f32[S, 4]`.
   *
   * @param gradients null for a parameter that did not take part
   * @param counts tokens of all experts, layer after layer, if there are any
   */
  advance(
    gradients: readonly (Tensor | null)[],
    control: AdamwControl,
    routings: readonly Routing[],
    counts: Tensor | undefined,
    attrs: AdvanceAttrs,
  ): Tensor {
    const source = this.#source(gradients, routings);
    const [steps, correction] = [this.#steps.pieces[0], this.#correction.pieces[0]];
    const counters = { steps, correction: reshape(correction, [steps.size, 2]) };
    return adamwAdvance(
      counters,
      control,
      { counts: counts ?? this.#noCounts(), source, decay: this.#decay },
      attrs,
    );
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#steps[Symbol.dispose]();
    this.#correction[Symbol.dispose]();
    for (const table of [this.#decay, ...this.ofLine, ...this.#sources.values()]) this.device.release(table);
  }

  get #size(): number {
    return this.#steps.layout.sizes[0] ?? 0;
  }

  /** First slot of a parameter, and the end of its slots. */
  #range(index: number): [number, number] {
    const { start } = this.#steps.layout.places[index];
    return [start, start + (this.parameters[index].options.experts ?? 1)];
  }

  #slotsOfLines({ places }: ArenaLayout, buffer: number, size: number): Int32Array<ArrayBuffer> {
    const slots = new Int32Array(size / this.line);
    this.parameters.forEach((parameter, i) => {
      if (places[i].buffer !== buffer) return;
      const [first, end] = this.#range(i);
      const start = places[i].start / this.line;
      const each = Math.ceil(parameter.size / (end - first) / this.line);
      for (let slot = first; slot < end; slot++) {
        slots.fill(slot, start + (slot - first) * each, start + (slot - first + 1) * each);
      }
    });
    return slots;
  }

  #noCounts(): Tensor {
    return this.device.constant("optimizer.no counts", () => ({ shape: [1], data: new Int32Array(1) }));
  }

  /** Where each slot finds out whether it takes part. */
  #source(gradients: readonly (Tensor | null)[], routings: readonly Routing[]): Tensor {
    const places = new Map<string, number>();
    let next = 0;
    for (const { path, counts } of routings) {
      places.set(path, next);
      next += counts.size;
    }
    const source = new Int32Array(this.#size).fill(NEVER);
    this.parameters.forEach(({ options: { routedBy } }, i) => {
      const [first, end] = this.#range(i);
      const place = routedBy === undefined ? undefined : places.get(routedBy);
      for (let slot = first; slot < end; slot++) {
        source[slot] = !gradients[i] ? NEVER : place === undefined ? ALWAYS : place + slot - first;
      }
    });
    const key = source.join();
    let tensor = this.#sources.get(key);
    if (!tensor) this.#sources.set(key, tensor = this.device.persistent(i32(source.length), source));
    return tensor;
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
