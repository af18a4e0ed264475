import { f32 } from "../../engine/core/spec.ts";
import type { AnySuite } from "../../engine/kernel.ts";
import {
  RESIZE_BILINEAR,
  RESIZE_BILINEAR_BACKWARD,
  RESIZE_NEAREST,
  RESIZE_NEAREST_BACKWARD,
  type ResizeConvention,
} from "./mod.ts";

interface Size {
  readonly name: string;
  readonly shape: readonly [number, number, number, number];
  readonly height: number;
  readonly width: number;
  readonly forwardOnly?: boolean;
}

const SIZES: readonly Size[] = [
  { name: "larger by a fraction", shape: [2, 3, 8, 8], height: 19, width: 19 },
  { name: "one element to one", shape: [1, 1, 1, 1], height: 1, width: 1 },
  { name: "one element to many", shape: [1, 2, 1, 1], height: 5, width: 3 },
  { name: "many elements to one", shape: [1, 2, 5, 7], height: 1, width: 1 },
  { name: "doubled", shape: [2, 2, 6, 9], height: 12, width: 18 },
  { name: "halved", shape: [2, 2, 12, 18], height: 6, width: 9 },
  { name: "prime sizes, rows shrink and columns grow", shape: [1, 3, 31, 11], height: 13, width: 47 },
  { name: "the same size", shape: [1, 2, 5, 7], height: 5, width: 7 },
  { name: "much smaller", shape: [1, 1, 97, 101], height: 5, width: 7 },
  { name: "much larger", shape: [1, 1, 3, 2], height: 67, width: 71 },
  {
    ...{ name: "more than 65,535 workgroups", shape: [41, 100, 4, 4], height: 34, width: 31 },
    forwardOnly: true,
  },
];

const GRADIENTS = SIZES.filter(({ forwardOnly }) => !forwardOnly);
const CONVENTIONS: readonly ResizeConvention[] = ["half_pixel", "tf1"];

function gradientOf({ shape: [batch, channels], height, width }: Size) {
  return f32(batch, channels, height, width);
}

function sourceOf({ shape: [, , rows, columns] }: Size): readonly [number, number] {
  return [rows, columns];
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: RESIZE_NEAREST,
    cases: SIZES.map(({ name, shape, height, width, forwardOnly }) => ({
      name,
      inputs: [f32(...shape)],
      attrs: { height, width },
      forwardOnly,
    })),
  },
  {
    kernel: RESIZE_NEAREST_BACKWARD,
    cases: GRADIENTS.map((size) => ({
      name: size.name,
      inputs: [gradientOf(size)],
      attrs: { source: sourceOf(size) },
    })),
  },
  {
    kernel: RESIZE_BILINEAR,
    cases: SIZES.flatMap(({ name, shape, height, width, forwardOnly }) =>
      CONVENTIONS.map((convention) => ({
        name: `${name}, ${convention}`,
        inputs: [f32(...shape)],
        attrs: { height, width, convention },
        forwardOnly,
      }))
    ),
  },
  {
    kernel: RESIZE_BILINEAR_BACKWARD,
    cases: GRADIENTS.flatMap((size) =>
      CONVENTIONS.map((convention) => ({
        name: `${size.name}, ${convention}`,
        inputs: [gradientOf(size)],
        attrs: { source: sourceOf(size), convention },
      }))
    ),
  },
];
