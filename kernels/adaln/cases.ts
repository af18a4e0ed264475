import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { f32 } from "../../engine/core/spec.ts";
import { inHalf } from "../half_cases.ts";
import {
  ADALN_NORM,
  ADALN_NORM_BACKWARD,
  ADALN_RESIDUAL,
  ADALN_RESIDUAL_BACKWARD,
  type AdaLnNormAttrs,
  type AdaLnNormBackwardAttrs,
  type AdaLnResidualAttrs,
  type AdaLnResidualBackwardAttrs,
} from "./mod.ts";

/** Batch, tokens, channels, vectors. */
type Size = readonly [number, number, number, number];

/** One, a prime, channels of more than one workgroup, tokens of more than one chunk. */
const SIZES: readonly Size[] = [[1, 1, 1, 3], [2, 3, 7, 2], [3, 37, 67, 6], [2, 70, 132, 3]];

/** More than 65,535 rows, and batch items. */
const MANY: Size = [65_539, 1, 3, 2];

interface Given {
  readonly beforeX?: boolean;
  readonly beforeVectors?: boolean;
}

function named<A>(size: Size, attrs: A, full: number, given: Given = {}, forwardOnly = false): KernelCase<A> {
  const [batch, tokens, width, parts] = size;
  const x = f32(batch, tokens, width), vectors = f32(batch, parts, width);
  const before = [...(given.beforeX ? [x] : []), ...(given.beforeVectors ? [vectors] : [])];
  return {
    name: `[${batch}, ${tokens}, ${width}] with ${parts} vectors${before.length > 0 ? ", added to" : ""}`,
    inputs: [...Array.from({ length: full }, () => x), vectors, ...before],
    attrs,
    forwardOnly,
  };
}

function norm(size: Size, forwardOnly = false): KernelCase<AdaLnNormAttrs> {
  const parts = size[3];
  return named(size, { shift: parts - 1, scale: parts - 2, eps: 1e-6 }, 1, {}, forwardOnly);
}

function normBackward(size: Size, given: Given): KernelCase<AdaLnNormBackwardAttrs> {
  const { beforeX = false, beforeVectors = false } = given;
  const attrs = { shift: 0, scale: 1, eps: 1e-6, beforeX, beforeVectors };
  return named(size, attrs, 2, given);
}

function residual(size: Size, forwardOnly = false): KernelCase<AdaLnResidualAttrs> {
  return named(size, { gate: size[3] - 1 }, 2, {}, forwardOnly);
}

function residualBackward(size: Size, beforeVectors: boolean): KernelCase<AdaLnResidualBackwardAttrs> {
  return named(size, { gate: 1, beforeVectors }, 2, { beforeVectors });
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: ADALN_NORM,
    cases: [
      ...SIZES.map((size) => norm(size)),
      norm(MANY, true),
      inHalf(norm(SIZES[2]), { inputs: [1], name: "half-precision vectors" }),
      inHalf(norm(SIZES[3])),
    ],
  },
  {
    kernel: ADALN_NORM_BACKWARD,
    cases: [
      normBackward(SIZES[0], {}),
      normBackward(SIZES[1], { beforeX: true }),
      normBackward(SIZES[2], { beforeX: true, beforeVectors: true }),
      normBackward(SIZES[3], { beforeVectors: true }),
      normBackward(MANY, {}),
      inHalf(normBackward(SIZES[2], { beforeX: true, beforeVectors: true }), { inputs: [0, 2] }),
    ],
  },
  {
    kernel: ADALN_RESIDUAL,
    cases: [
      ...SIZES.map((size) => residual(size)),
      residual(MANY, true),
      inHalf(residual(SIZES[2]), { inputs: [1, 2], name: "half-precision branch" }),
    ],
  },
  {
    kernel: ADALN_RESIDUAL_BACKWARD,
    cases: [
      ...SIZES.map((size, i) => residualBackward(size, i % 2 === 1)),
      residualBackward(MANY, false),
      inHalf(residualBackward(SIZES[3], true), { inputs: [1, 2], name: "half-precision branch" }),
    ],
  },
];
