import { isFloat } from "../core/dtype.ts";
import type { ApplyRecord } from "../program/executor.ts";
import type { Tensor } from "../tensor.ts";

/** A call as autodiff sees it. */
export interface TapeEntry extends ApplyRecord {
  /** What the call made. */
  readonly outputs: readonly Tensor[];
}

/** Calls that were not kept, because the backward pass will make them again. See `checkpoint`. */
export interface TapeBlock {
  /** What the calls made that gradients may come back through. */
  readonly outputs: readonly Tensor[];
  /** Makes the calls again; gives their outputs, in the same order. */
  readonly rerun: () => readonly Tensor[];
}

/** Remembers the calls on the way from the watched tensors to the loss; knows no operation. */
export class Tape {
  /** Calls that a watched tensor reaches, in order. */
  readonly entries: (TapeEntry | TapeBlock)[] = [];
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
    this.#track(entry.outputs);
    this.entries.push(entry);
  }

  /** Keeps a block in place of its calls. Which tensors it reads is found out when it runs again. */
  recordBlock(block: TapeBlock): void {
    this.#track(block.outputs);
    this.entries.push(block);
  }

  /** An empty tape for the gradients of everything that this one tracks. */
  nested(): Tape {
    return new Tape(this.#tracked);
  }

  #track(outputs: readonly Tensor[]): void {
    for (const output of outputs) if (isFloat(output.dtype)) this.#tracked.add(output);
  }
}
