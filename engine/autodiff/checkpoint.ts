import type { Device } from "../device/device.ts";
import type { Tensor } from "../tensor.ts";

/** What a checkpointed block gives. */
export interface BlockResult<T> {
  /** Anything; tensors in it that are not among `outputs` are constants to autodiff. */
  readonly value: T;
  /** The tensors of `value` that gradients come back through. */
  readonly outputs: readonly Tensor[];
}

/**
 * Runs a block and keeps nothing of it for the backward pass but what goes in and what comes out: the backward pass
 * runs the block again when it gets there. Costs one more forward pass of the block; with every block of a network
 * checkpointed, the activations of one block live at a time. Where nothing is differentiated, the block just runs.
 *
 * The values, and the gradients bit for bit, are those of the plain block if it is a function of tensors that do not
 * change before the backward pass: random numbers must come from a counter-based generator. What it reads (inputs,
 * parameters) need not be listed. Memory is saved in a recorded program; eager calls keep their outputs to the end of
 * the scope as ever.
 *
 * Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (arXiv 1604.06174).
 *
 * @param block makes the same calls whenever it is run
 */
export function checkpoint<T>(device: Device, block: () => BlockResult<T>): T {
  const { tape } = device;
  if (!tape) return block().value;
  device.tape = undefined;
  try {
    const { value, outputs } = block();
    tape.recordBlock({ outputs, rerun: () => block().outputs });
    return value;
  } finally {
    device.tape = tape;
  }
}
