import { f32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import {
  CONV2D,
  CONV2D_INPUT_GRADIENT,
  CONV2D_WEIGHT_GRADIENT,
  type Conv2dAttrs,
  type Conv2dInputGradientAttrs,
  type Conv2dPadding,
  type Conv2dWeightGradientAttrs,
} from "./mod.ts";
import { conv2dSizes, type Conv2dWindow, outputSpec } from "./sizes.ts";

/** A convolution of images `[B, C, H, W]` by `O` kernels of `[kh, kw]`. */
interface Size extends Conv2dWindow {
  readonly name: string;
  readonly image: readonly [number, number, number, number];
  readonly outputs: number;
  readonly kernel: readonly [number, number];
}

function size(
  name: string,
  image: Size["image"],
  outputs: number,
  kernel: Size["kernel"],
  stride: Conv2dWindow["stride"] = [1, 1],
  padding: readonly [number, number] | Conv2dPadding = [0, 0],
): Size {
  const sides = "top" in padding
    ? padding
    : { top: padding[0], bottom: padding[0], left: padding[1], right: padding[1] };
  return { name, image, outputs, kernel, stride, padding: sides };
}

const VAE_DOWN: Conv2dPadding = { top: 0, bottom: 1, left: 0, right: 1 };

const ONE_PIXEL = size("one pixel", [1, 1, 1, 1], 1, [1, 1]);
const PADDED = size("3x3, padding 1", [2, 6, 8, 8], 10, [3, 3], [1, 1], [1, 1]);
const PRIME = size("1x1 of a prime number of channels", [2, 7, 5, 3], 13, [1, 1]);

/** Small enough for finite differences; every size compiles three shaders at least, so that they are few. */
const SMALL: readonly Size[] = [
  PADDED,
  ONE_PIXEL,
  PRIME,
  size("1x1, stride 2", [2, 5, 7, 6], 6, [1, 1], [2, 2]),
  size("3x3, stride 2, one zero right and bottom", [2, 3, 9, 8], 7, [3, 3], [2, 2], VAE_DOWN),
  size("stride 1 by 3, uneven padding", [2, 3, 10, 11], 5, [4, 3], [1, 3], {
    top: 2,
    bottom: 0,
    left: 1,
    right: 3,
  }),
  size("kernel beyond the image", [1, 2, 2, 3], 3, [5, 4], [1, 1], [3, 2]),
];

/** Several blocks of columns in one row of pixels. */
const LONG_ROWS = size("long rows", [1, 3, 3, 331], 5, [3, 3], [1, 1], [1, 1]);

/** Several blocks of channels and k. */
const LARGE: readonly Size[] = [
  size("several blocks of k", [1, 67, 9, 9], 70, [3, 3], [1, 1], [1, 1]),
  size("1x1 of many channels", [2, 300, 3, 13], 67, [1, 1]),
];

const FORWARD: readonly Size[] = [
  size("5x5, padding 2", [1, 3, 6, 35], 4, [5, 5], [1, 1], [2, 2]),
  size("1x7", [1, 4, 5, 17], 6, [1, 7], [1, 1], [0, 3]),
  size("7x1", [1, 4, 17, 5], 6, [7, 1], [1, 1], [3, 0]),
  size("long rows, stride 2", [1, 3, 4, 661], 5, [3, 3], [2, 2], VAE_DOWN),
  size("many rows", [1, 2, 131, 3], 3, [3, 3], [1, 1], [1, 1]),
  size("more than 65,535 workgroups", [1, 1, 2049, 2048], 1, [1, 1]),
];

function inputsOf({ image, outputs, kernel }: Size) {
  return [f32(...image), f32(outputs, image[1], ...kernel)] as const;
}

function gradOf(test: Size) {
  return outputSpec(conv2dSizes(...inputsOf(test), test));
}

function forward(
  test: Size,
  more: Partial<KernelCase<Conv2dAttrs>> = {},
  bias = true,
): KernelCase<Conv2dAttrs> {
  const { name, outputs, stride, padding } = test;
  const inputs = bias ? [...inputsOf(test), f32(outputs)] : inputsOf(test);
  return { name, inputs, attrs: { stride, padding, activation: "none" }, ...more };
}

function withRelu(test: Size): KernelCase<Conv2dAttrs> {
  const { stride, padding } = test;
  return forward(test, { name: `${test.name}, relu`, attrs: { stride, padding, activation: "relu" } });
}

function inputGradient(test: Size): KernelCase<Conv2dInputGradientAttrs> {
  const { name, stride, padding, image: [, , height, width] } = test;
  return { name, inputs: [gradOf(test), inputsOf(test)[1]], attrs: { stride, padding, height, width } };
}

function weightGradient(test: Size): KernelCase<Conv2dWeightGradientAttrs> {
  const { name, stride, padding, kernel } = test;
  return { name, inputs: [inputsOf(test)[0], gradOf(test)], attrs: { stride, padding, kernel } };
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: CONV2D,
    cases: [
      ...SMALL.map((test) => forward(test)),
      forward(PADDED, { name: "3x3, no bias" }, false),
      withRelu(PADDED),
      ...[...LARGE, LONG_ROWS, ...FORWARD].map((test) => forward(test, { forwardOnly: true })),
    ],
  },
  { kernel: CONV2D_INPUT_GRADIENT, cases: [...SMALL, ...LARGE].map(inputGradient) },
  { kernel: CONV2D_WEIGHT_GRADIENT, cases: [...SMALL, ...LARGE, LONG_ROWS].map(weightGradient) },
];
