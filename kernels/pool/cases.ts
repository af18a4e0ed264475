import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite } from "../../engine/kernel.ts";
import { pooledSpec, poolGeometry, type PoolWindow } from "./geometry.ts";
import { AVG_POOL2D, AVG_POOL2D_BACKWARD, MAX_POOL2D, MAX_POOL2D_BACKWARD } from "./mod.ts";

interface Size extends PoolWindow {
  readonly name: string;
  readonly shape: readonly number[];
  readonly forwardOnly?: boolean;
}

function square(
  name: string,
  shape: readonly number[],
  kernel: number,
  stride: number,
  padding: number,
): Size {
  return { name, shape, kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding] };
}

const SIZES: readonly Size[] = [
  square("3 by 3, stride 2", [2, 3, 17, 17], 3, 2, 0),
  square("one element", [1, 1, 1, 1], 1, 1, 0),
  square("2 by 2, apart", [2, 5, 12, 10], 2, 2, 0),
  square("3 by 3 with padding, overlapping", [1, 7, 9, 11], 3, 1, 1),
  square("the whole image", [2, 3, 8, 8], 8, 8, 0),
  square("stride 3, an incomplete last window", [1, 2, 13, 14], 2, 3, 1),
  square("windows with gaps", [1, 2, 11, 23], 1, 2, 0),
  {
    ...{ name: "rows and columns differ", shape: [2, 3, 7, 19] },
    ...{ kernel: [2, 5] as const, stride: [1, 3] as const, padding: [1, 4] as const },
  },
  square("wide rows", [1, 2, 5, 301], 3, 2, 1),
  { ...square("more than 65,535 workgroups", [41, 100, 34, 31], 1, 1, 0), forwardOnly: true },
];

const GRADIENTS = SIZES.filter(({ forwardOnly }) => !forwardOnly);

/** Few different values, so that windows hold the largest one more than once. */
function ties(inputs: readonly Spec[]): Float32Array<ArrayBuffer>[] {
  return inputs.map(({ shape }, i) =>
    new Philox(23, i).normals(sizeOf(shape)).map((value) => i === 1 ? Math.round(value) : value)
  );
}

function gradientOf({ shape, ...window }: Size): Spec {
  return pooledSpec(f32(...shape), poolGeometry("pool", f32(...shape), window));
}

function windowOf({ kernel, stride, padding }: Size): PoolWindow {
  return { kernel, stride, padding };
}

const COUNTED = [true, false] as const;

function countedName(name: string, countPadding: boolean): string {
  return countPadding ? name : `${name}, padding not counted`;
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: MAX_POOL2D,
    cases: SIZES.map((size) => ({
      name: size.name,
      inputs: [f32(...size.shape)],
      attrs: windowOf(size),
      forwardOnly: size.forwardOnly,
    })),
  },
  {
    kernel: MAX_POOL2D_BACKWARD,
    cases: GRADIENTS.flatMap((size) => {
      const test = {
        name: size.name,
        inputs: [gradientOf(size), f32(...size.shape)],
        attrs: windowOf(size),
      };
      return [test, { ...test, name: `${size.name}, with equal elements`, values: ties }];
    }),
  },
  {
    kernel: AVG_POOL2D,
    cases: SIZES.flatMap((size) =>
      COUNTED.map((countPadding) => ({
        name: countedName(size.name, countPadding),
        inputs: [f32(...size.shape)],
        attrs: { ...windowOf(size), countPadding },
        forwardOnly: size.forwardOnly,
      }))
    ),
  },
  {
    kernel: AVG_POOL2D_BACKWARD,
    cases: GRADIENTS.flatMap((size) =>
      COUNTED.map((countPadding) => ({
        name: countedName(size.name, countPadding),
        inputs: [gradientOf(size)],
        attrs: { ...windowOf(size), countPadding, size: [size.shape[2], size.shape[3]] as const },
      }))
    ),
  },
];
