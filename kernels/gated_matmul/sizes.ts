import { commonFloat } from "../../engine/core/dtype.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, type Shape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, formatSpec, makeSpec, type Spec } from "../../engine/core/spec.ts";
import { groupedSizes } from "../moe/grouped_matmul/sizes.ts";

/** Sizes of a gated product: x[rows, k], two weights [n, k]. */
export interface GatedSizes {
  /** Rows of x. */
  readonly rows: number;
  /** Outputs of a row. */
  readonly n: number;
  /** Inputs of a row. */
  readonly k: number;
  /** Shape of the three outputs. */
  readonly output: Spec;
}

/** Attributes of `grouped_gated_linear`. */
export interface GroupedGatedAttrs {
  /** Rows that every expert is padded to. */
  readonly tile: number;
}

/**
 * Sizes of x `f32[.., K]` and two weights `f32[N, K]`.
 *
 * @throws {DTypeError} when an input is not `f32`
 * @throws {ShapeError} when the sizes do not fit
 */
export function gatedLinearSizes(inputs: readonly Spec[]): GatedSizes {
  expectDTypes("gated_linear", inputs, ["float", "float", "float"]);
  const [x, gate, up] = inputs;
  const k = x.shape[x.shape.length - 1];
  if (gate.shape.length !== 2 || gate.shape[1] !== k || !sameShape(gate.shape, up.shape)) {
    throw new ShapeError(
      `Cannot gated_linear ${inputs.map(formatSpec).join(", ")}: two weights f32[N, ${k}] wanted`,
    );
  }
  const [n] = gate.shape;
  return { rows: sizeOf(x.shape) / k, n, k, output: outputOf(inputs, [...x.shape.slice(0, -1), n]) };
}

/** `f16` where x and both weights are, else `f32`. */
function outputOf(operands: readonly Spec[], shape: Shape): Spec {
  return makeSpec(commonFloat(operands.map(({ dtype }) => dtype)), shape);
}

/**
 * Sizes of x `f32[R, K]`, two weights `f32[E, N, K]`, counts `i32[E]`, offsets `i32[E + 1]`, tileExpert `i32[R / tile]`.
 *
 * @throws {DTypeError} when an input has another element type
 * @throws {ShapeError} when the sizes do not fit
 */
export function groupedGatedSizes(
  inputs: readonly Spec[],
  { tile }: GroupedGatedAttrs,
): GatedSizes & { readonly experts: number } {
  const [x, gate, up, ...plan] = inputs;
  const { rows, n, k, experts } = groupedSizes([x, gate, ...plan], { tile, transposeWeight: true });
  if (up.dtype !== gate.dtype || !sameShape(gate.shape, up.shape)) {
    throw new ShapeError(
      `Cannot grouped_gated_linear ${formatSpec(gate)} and ${formatSpec(up)}: two equal weights wanted`,
    );
  }
  return { rows, n, k, experts, output: outputOf([x, gate, up], [rows, n]) };
}
