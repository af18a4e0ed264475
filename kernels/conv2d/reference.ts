import type { View } from "../../engine/kernel.ts";
import {
  type Conv2dAttrs,
  type Conv2dInputGradientAttrs,
  type Conv2dSizes,
  conv2dSizes,
  type Conv2dWeightGradientAttrs,
  inputGradientSizes,
  weightGradientSizes,
} from "./sizes.ts";

/** out = W * x + bias in f64, then relu. */
export function conv2dReference(inputs: readonly View[], [out]: readonly View[], attrs: Conv2dAttrs): void {
  const [x, weight, bias] = inputs;
  const sizes = conv2dSizes(x.spec, weight.spec, attrs);
  const step = sizes.stride[1], pixels = sizes.outRows * sizes.outColumns;
  out.data.forEach((_, i) => out.data[i] = bias ? bias.data[Math.floor(i / pixels) % sizes.outputs] : 0);
  forRuns(sizes, (to, from, at, count) => {
    const factor = weight.data[at];
    for (let i = 0; i < count; i++) out.data[to + i] += factor * x.data[from + i * step];
  });
  if (attrs.activation === "relu") out.data.forEach((value, i) => out.data[i] = Math.max(0, value));
}

/** Each output pixel gives its gradient, times the weight, back to the pixels that it was made of. */
export function inputGradientReference(
  [grad, weight]: readonly View[],
  [out]: readonly View[],
  attrs: Conv2dInputGradientAttrs,
): void {
  const sizes = inputGradientSizes(grad.spec, weight.spec, attrs);
  const step = sizes.stride[1];
  out.data.fill(0);
  forRuns(sizes, (from, to, at, count) => {
    const factor = weight.data[at];
    for (let i = 0; i < count; i++) out.data[to + i * step] += factor * grad.data[from + i];
  });
}

/** Each weight gets the product of output gradient and image, summed over images and pixels. */
export function weightGradientReference(
  [x, grad]: readonly View[],
  [out]: readonly View[],
  attrs: Conv2dWeightGradientAttrs,
): void {
  const sizes = weightGradientSizes(x.spec, grad.spec, attrs);
  const step = sizes.stride[1];
  out.data.fill(0);
  forRuns(sizes, (at, from, to, count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += grad.data[at + i] * x.data[from + i * step];
    out.data[to] += sum;
  });
}

/**
 * Visits every row of every output channel with every weight that acts on it: `body(out, x, weight, count)` gets the
 * first elements of a run of `count` output pixels whose image pixels are `stride` apart. Conv2dPadding is left out.
 */
function forRuns(
  sizes: Conv2dSizes,
  body: (out: number, x: number, weight: number, count: number) => void,
): void {
  const { batch, channels, height, width, outputs, kernelRows, kernelColumns, outRows, outColumns } = sizes;
  const { stride, padding } = sizes;
  for (let weight = 0; weight < outputs * channels * kernelRows * kernelColumns; weight++) {
    const column = weight % kernelColumns;
    const row = Math.floor(weight / kernelColumns) % kernelRows;
    const channel = Math.floor(weight / (kernelColumns * kernelRows)) % channels;
    const output = Math.floor(weight / (kernelColumns * kernelRows * channels));
    const [firstRow, endRow] = inside(outRows, height, stride[0], row - padding.top);
    const [first, end] = inside(outColumns, width, stride[1], column - padding.left);
    if (first >= end) continue;
    for (let image = 0; image < batch; image++) {
      for (let y = firstRow; y < endRow; y++) {
        const out = ((image * outputs + output) * outRows + y) * outColumns + first;
        const line = (image * channels + channel) * height + y * stride[0] + row - padding.top;
        body(out, line * width + first * stride[1] + column - padding.left, weight, end - first);
      }
    }
  }
}

/** The positions i below `count` with `0 <= i * stride + offset < size`: first and end. */
function inside(count: number, size: number, stride: number, offset: number): [number, number] {
  const first = Math.max(0, Math.ceil(-offset / stride));
  return [first, Math.min(count, Math.ceil((size - offset) / stride))];
}
