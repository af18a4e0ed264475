import { ShapeError } from "../core/errors.ts";
import { sameShape } from "../core/shape.ts";
import { formatSpec } from "../core/spec.ts";
import type { Tensor } from "../tensor.ts";
import { Tape, type TapeEntry } from "./tape.ts";

/** The two operations that reverse mode needs; given from outside, since the engine knows no kernel. */
export interface GradientOps {
  /** Sum of two gradients of one tensor. */
  add(a: Tensor, b: Tensor): Tensor;
  /** The gradient of the loss with respect to itself: ones in the loss's shape. */
  onesLike(loss: Tensor): Tensor;
}

/** A value and the gradients of its sum; null where a watched tensor did not take part. */
export interface ValueAndGradients<T> {
  /** What the function returned. */
  readonly value: T;
  /** In the order of the watched tensors; null where one did not reach the root. */
  readonly gradients: readonly (Tensor | null)[];
}

/**
 * Runs `forward`, then walks its calls backward.
 *
 * @param forward returns the value, and the tensor to start from with its upstream gradient (ones if absent)
 * @param watched tensors whose gradients are wanted
 */
export function differentiate<T>(
  ops: GradientOps,
  watched: readonly Tensor[],
  forward: () => { value: T; root: Tensor; upstream?: Tensor },
): ValueAndGradients<T> {
  const { device } = watched[0];
  const outer = device.tape;
  const tape = new Tape(watched);
  device.tape = tape;
  let result: ReturnType<typeof forward>;
  try {
    result = forward();
  } finally {
    device.tape = outer;
  }
  const { value, root } = result;
  const upstream = result.upstream ?? ops.onesLike(root);
  const gradients = backward(ops, tape, new Map([[root, upstream]]));
  return { value, gradients: watched.map((tensor) => gradients.get(tensor) ?? null) };
}

/** Walks a tape backward from the given gradients; returns the gradient of every tracked tensor it met. */
export function backward(ops: GradientOps, tape: Tape, seeds: Map<Tensor, Tensor>): Map<Tensor, Tensor> {
  const gradients = new Map(seeds);
  for (const entry of [...tape.entries].reverse()) {
    const grads = entry.outputs.map((output) => gradients.get(output) ?? null);
    if (grads.every((grad) => grad === null)) continue;
    const { device } = entry.inputs[0];
    device.at(entry.path, () => accumulate(ops, tape, entry, grads, gradients));
  }
  return gradients;
}

function accumulate(
  ops: GradientOps,
  tape: Tape,
  entry: TapeEntry,
  grads: readonly (Tensor | null)[],
  gradients: Map<Tensor, Tensor>,
): void {
  const { kernel, inputs, outputs, attrs } = entry;
  const needs = inputs.map((input) => tape.tracks(input));
  const contributions = kernel.vjp!({ inputs, outputs, grads, attrs, needs });
  inputs.forEach((input, i) => {
    const contribution = contributions[i];
    if (!needs[i] || !contribution) return;
    if (!sameShape(contribution.shape, input.shape)) {
      throw new ShapeError(
        `Cannot backpropagate ${kernel.name}: the gradient of input ${i} must be ${
          formatSpec(input.spec)
        }, got ${formatSpec(contribution.spec)}`,
      );
    }
    const before = gradients.get(input);
    gradients.set(input, before ? ops.add(before, contribution) : contribution);
  });
}
