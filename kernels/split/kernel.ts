import { DTypeError, ShapeError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { formatSpec, makeSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { cast } from "../cast/mod.ts";
import { full } from "../elementwise/mod.ts";
import { copyCpu } from "./cpu.ts";
import { type Rows, rowsOf } from "./layout.ts";
import { concatReference, splitReference } from "./reference.ts";
import { concatWebGpu, splitWebGpu } from "./webgpu.ts";

/** `size` elements of an axis, from `start` on. */
export interface Part {
  /** First element along the axis. */
  readonly start: number;
  /** Elements along the axis. */
  readonly size: number;
}

/** Attributes of `split`. */
export interface SplitAttrs {
  /** Dimension of the tensors, from 0. */
  readonly axis: number;
  /** In ascending order, without overlap; what lies between them is left out. */
  readonly parts: readonly Part[];
}

/** Attributes of `concat`. */
export interface ConcatAttrs {
  /** Dimension of the tensors, from 0. */
  readonly axis: number;
}

function checkAxis(name: string, spec: Spec, axis: number): void {
  if (Number.isInteger(axis) && axis >= 0 && axis < spec.shape.length) return;
  throw new ShapeError(
    `Cannot ${name} ${formatSpec(spec)} along axis ${axis}: wanted 0 to ${spec.shape.length - 1}`,
  );
}

function withSize(shape: Shape, axis: number, size: number): Shape {
  return shape.map((dim, i) => i === axis ? size : dim);
}

function splitShapes(x: Spec, { axis, parts }: SplitAttrs): readonly Spec[] {
  checkAxis("split", x, axis);
  let last = 0;
  for (const { start, size } of parts) {
    if (start < last || start + size > x.shape[axis]) {
      throw new ShapeError(
        `Cannot split ${formatSpec(x)} along axis ${axis}: parts must ascend and end at ${
          x.shape[axis]
        } at most, ` +
          `got ${parts.map((part) => `${part.start}..${part.start + part.size}`).join(", ")}`,
      );
    }
    last = start + size;
  }
  return parts.map(({ size }) => makeSpec(x.dtype, withSize(x.shape, axis, size)));
}

function concatShape(inputs: readonly Spec[], axis: number): Spec {
  const [first] = inputs;
  checkAxis("concat", first, axis);
  for (const spec of inputs) {
    if (spec.dtype !== first.dtype) {
      throw new DTypeError(
        `Cannot concat ${formatSpec(first)} and ${formatSpec(spec)}: one dtype is wanted`,
      );
    }
    const fits = spec.shape.length === first.shape.length &&
      spec.shape.every((dim, i) => i === axis || dim === first.shape[i]);
    if (!fits) {
      throw new ShapeError(
        `Cannot concat ${formatSpec(first)} and ${formatSpec(spec)} along axis ${axis}: ` +
          `the other dimensions must be equal`,
      );
    }
  }
  const size = inputs.reduce((sum, spec) => sum + spec.shape[axis], 0);
  return makeSpec(first.dtype, withSize(first.shape, axis, size));
}

function partsOf(inputs: readonly Spec[], axis: number): Part[] {
  let start = 0;
  return inputs.map(({ shape }) => ({ start: (start += shape[axis]) - shape[axis], size: shape[axis] }));
}

function splitRows(x: Spec, { axis, parts }: SplitAttrs): Rows {
  return rowsOf(x.shape, axis, parts);
}

function concatRows(inputs: readonly Spec[], axis: number): Rows {
  return rowsOf(concatShape(inputs, axis).shape, axis, partsOf(inputs, axis));
}

/**
 * Gradients of the parts side by side; zeros where a part did not reach the loss or belongs to none. They keep their
 * dtype if they have one dtype, and otherwise get that of `x`.
 */
function splitVjp({ inputs: [x], grads, attrs: { axis, parts } }: VjpContext<SplitAttrs>): readonly Tensor[] {
  const pieces: Tensor[] = [];
  let last = 0;
  const [first, ...others] = grads.filter((grad) => grad !== null);
  const dtype = !first || others.some((grad) => grad.dtype !== first.dtype) ? x.dtype : first.dtype;
  const zeros = (until: number) => {
    if (until > last) pieces.push(full(x.device, withSize(x.shape, axis, until - last), 0, dtype));
    last = until;
  };
  parts.forEach(({ start, size }, i) => {
    const grad = grads[i];
    if (!grad) return;
    zeros(start);
    pieces.push(cast(grad, dtype));
    last = start + size;
  });
  zeros(x.shape[axis]);
  return pieces.length === 1 ? pieces : apply(CONCAT, pieces, { axis });
}

function concatVjp({ inputs, grads: [grad], attrs: { axis }, needs }: VjpContext<ConcatAttrs>) {
  const none = inputs.map(() => null);
  if (!grad || !needs.includes(true)) return none;
  const wanted = partsOf(inputs.map(({ spec }) => spec), axis).filter((_, i) => needs[i]);
  const found = apply(SPLIT, [grad], { axis, parts: wanted });
  let next = 0;
  return needs.map((need) => need ? found[next++] : null);
}

/** The `split` kernel: any parts of an axis, each an output. */
export const SPLIT: Kernel<SplitAttrs> = {
  name: "split",
  infer: ([x], attrs) => splitShapes(x, attrs),
  cost([x], attrs) {
    const outputs = splitShapes(x, attrs);
    return streamingCost(outputs, outputs, 0);
  },
  reference: ([x], outputs, attrs) => splitReference(x, outputs, splitRows(x.spec, attrs)),
  webgpu: ([x], attrs, limits) => splitWebGpu(splitRows(x, attrs), x.dtype, limits),
  cpu: ([x], attrs) => copyCpu("split", splitRows(x, attrs)),
  vjp: splitVjp,
};

/** The `concat` kernel. */
export const CONCAT: Kernel<ConcatAttrs> = {
  name: "concat",
  infer: (inputs, { axis }) => [concatShape(inputs, axis)],
  cost: (inputs, { axis }) => streamingCost(inputs, [concatShape(inputs, axis)], 0),
  reference: (inputs, [out], { axis }) =>
    concatReference(inputs, out, concatRows(inputs.map(({ spec }) => spec), axis)),
  webgpu: (inputs, { axis }, limits) => concatWebGpu(concatRows(inputs, axis), inputs[0].dtype, limits),
  cpu: (inputs, { axis }) => copyCpu("concat", concatRows(inputs, axis)),
  vjp: concatVjp,
};
