import type { ApplyRecord } from "../program/executor.ts";
import type { Tensor } from "../tensor.ts";

/** A call as autodiff sees it. */
export interface TapeEntry extends ApplyRecord {
  /** What the call made. */
  readonly outputs: readonly Tensor[];
}

/** Remembers the calls on the way from the watched tensors to the loss; knows no operation. */
export class Tape {
  /** Calls that a watched tensor reaches, in order. */
  readonly entries: TapeEntry[] = [];
  readonly #tracked: Set<Tensor>;

  /**
   * Starts a tape for the gradients of `watched`.
   *
   * @param watched tensors whose gradients are wanted
   */
  constructor(watched: Iterable<Tensor>) {
    this.#tracked = new Set(watched);
  }

  /** Whether a gradient flows through `tensor`. */
  tracks(tensor: Tensor): boolean {
    return this.#tracked.has(tensor);
  }

  /** Keeps a call if a gradient can flow through it. */
  record(entry: TapeEntry): void {
    if (!entry.kernel.vjp || !entry.inputs.some((input) => this.#tracked.has(input))) return;
    for (const output of entry.outputs) if (output.dtype === "f32") this.#tracked.add(output);
    this.entries.push(entry);
  }
}
