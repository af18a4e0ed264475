import { ShapeError } from "../core/errors.ts";
import { sameShape } from "../core/shape.ts";
import { formatSpec } from "../core/spec.ts";
import type { Tensor } from "../tensor.ts";
import type { Device } from "../device/device.ts";
import { Tape, type TapeBlock, type TapeEntry } from "./tape.ts";

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
 * @param earlier gradients to add to, in the order of `watched`: those of other parts of a batch
 */
export function differentiate<T>(
  ops: GradientOps,
  watched: readonly Tensor[],
  forward: () => { value: T; root: Tensor; upstream?: Tensor },
  earlier: readonly (Tensor | null)[] = [],
): ValueAndGradients<T> {
  const { device } = watched[0];
  const tape = new Tape(watched);
  const { value, root, upstream } = recordOn(tape, device, forward);
  const seeds = new Map<Tensor, Tensor>();
  watched.forEach((tensor, i) => earlier[i] && seeds.set(tensor, earlier[i]));
  return device.inPass("backward", () => {
    const gradients = backward(ops, tape, seeds.set(root, upstream ?? ops.onesLike(root)));
    return { value, gradients: watched.map((tensor) => gradients.get(tensor) ?? null) };
  });
}

/** Walks a tape backward from the given gradients; returns the gradient of every tracked tensor it met. */
export function backward(ops: GradientOps, tape: Tape, seeds: Map<Tensor, Tensor>): Map<Tensor, Tensor> {
  const gradients = new Map(seeds);
  walk(ops, tape, gradients);
  return gradients;
}

function walk(ops: GradientOps, tape: Tape, gradients: Map<Tensor, Tensor>): void {
  for (const entry of [...tape.entries].reverse()) {
    const grads = entry.outputs.map((output) => gradients.get(output) ?? null);
    if (grads.every((grad) => grad === null)) continue;
    const { device } = entry.outputs[0];
    if ("rerun" in entry) walkAgain(ops, tape.nested(), device, { block: entry, grads }, gradients);
    else device.at(entry.path, () => accumulate(ops, tape, entry, grads, gradients));
  }
}

/** Records a block's calls now, and walks them: its gradients add up with all others in the order of the plain block. */
function walkAgain(
  ops: GradientOps,
  tape: Tape,
  device: Device,
  { block, grads }: { block: TapeBlock; grads: readonly (Tensor | null)[] },
  gradients: Map<Tensor, Tensor>,
): void {
  const outputs = device.inPass("again", () => recordOn(tape, device, block.rerun));
  outputs.forEach((output, i) => {
    const grad = grads[i];
    if (grad) gradients.set(output, grad);
  });
  walk(ops, tape, gradients);
}

function recordOn<T>(tape: Tape, device: Device, body: () => T): T {
  const outer = device.tape;
  device.tape = tape;
  try {
    return body();
  } finally {
    device.tape = outer;
  }
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
  const included = new Set<Tensor>();
  const before = (i: number) => {
    const gradient = gradients.get(inputs[i]) ?? null;
    // An input that is there twice is added to once.
    if (!gradient || included.has(gradient)) return null;
    included.add(gradient);
    return gradient;
  };
  const contributions = kernel.vjp!({ inputs, outputs, grads, attrs, needs, before });
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
    const sum = gradients.get(input);
    gradients.set(input, sum && !included.has(sum) ? ops.add(sum, contribution) : contribution);
  });
}
