import { commonFloat } from "../../../engine/core/dtype.ts";
import { ShapeError } from "../../../engine/core/errors.ts";
import { sameShape } from "../../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../../engine/core/spec.ts";

/** Attributes of `grouped_matmul`. */
export interface GroupedMatmulAttrs {
  /** Rows that every expert is padded to. */
  readonly tile: number;
  /** Whether a weight is used as `x W^T`, as in a linear layer, and not as `x W`. */
  readonly transposeWeight: boolean;
}

/** Sizes of an m-grouped product: out[rows, n] = x[rows, k] op(W[e])[k, n] for the rows of expert e. */
export interface GroupedSizes {
  readonly rows: number;
  readonly n: number;
  readonly k: number;
  readonly experts: number;
}

/**
 * Sizes of x `f32[R, K]`, weight `f32[E, N, K]`, counts `i32[E]`, offsets `i32[E + 1]`, tileExpert `i32[R / tile]` and,
 * where there is one, an addend `f32[R, N]`.
 *
 * @throws {DTypeError} when an input has another element type
 * @throws {ShapeError} when the sizes do not fit
 */
export function groupedSizes(inputs: readonly Spec[], attrs: GroupedMatmulAttrs): GroupedSizes {
  const types = ["float", "float", "i32", "i32", "i32"] as const;
  expectDTypes("grouped_matmul", inputs, inputs.length > 5 ? [...types, "float"] : types);
  const [x, weight, counts, offsets, tileExpert, addend] = inputs;
  const at = `Cannot grouped_matmul ${formatSpec(x)} by ${formatSpec(weight)}`;
  if (x.shape.length !== 2 || weight.shape.length !== 3) {
    throw new ShapeError(`${at}: f32[R, K] and f32[E, N, K] wanted`);
  }
  const [rows, k] = x.shape, [experts, out, inner] = weight.shape;
  const [n, depth] = attrs.transposeWeight ? [out, inner] : [inner, out];
  if (k !== depth) throw new ShapeError(`${at}: inner dimensions must match, got ${k} and ${depth}`);
  expectPlan(at, counts, offsets, experts);
  const { tile } = attrs;
  if (
    !Number.isInteger(tile) || tile < 1 || tileExpert.shape.length !== 1 ||
    tileExpert.shape[0] * tile !== rows
  ) {
    throw new ShapeError(
      `${at}: i32[${rows} / tile] wanted for a tile of ${tile}, got ${formatSpec(tileExpert)}`,
    );
  }
  if (addend && !sameShape(addend.shape, [rows, n])) {
    throw new ShapeError(`${at}: an addend of shape [${rows}, ${n}] wanted, got ${formatSpec(addend)}`);
  }
  return { rows, n, k, experts };
}

/** Output of the m-grouped product: `f16` where x and weight are, else `f32`. */
export function groupedOutput([x, weight]: readonly Spec[], { rows, n }: GroupedSizes): Spec {
  return { dtype: commonFloat([x.dtype, weight.dtype]), shape: [rows, n] };
}

/** Sizes of a k-grouped product: out[e, m, n] = sum of a[r, m] b[r, n] over the rows r of expert e. */
export interface GroupedOuterSizes {
  readonly rows: number;
  readonly m: number;
  readonly n: number;
  readonly experts: number;
}

/**
 * Sizes of a `f32[R, M]`, b `f32[R, N]`, counts `i32[E]`, offsets `i32[E + 1]`.
 *
 * @throws {DTypeError} when an input has another element type
 * @throws {ShapeError} when the sizes do not fit
 */
export function groupedOuterSizes(inputs: readonly Spec[]): GroupedOuterSizes {
  expectDTypes("grouped_matmul_outer", inputs, ["float", "float", "i32", "i32"]);
  const [a, b, counts, offsets] = inputs;
  const at = `Cannot grouped_matmul_outer ${formatSpec(a)} by ${formatSpec(b)}`;
  if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== b.shape[0]) {
    throw new ShapeError(`${at}: f32[R, M] and f32[R, N] wanted`);
  }
  expectPlan(at, counts, offsets, counts.shape[0]);
  return { rows: a.shape[0], m: a.shape[1], n: b.shape[1], experts: counts.shape[0] };
}

function expectPlan(at: string, counts: Spec, offsets: Spec, experts: number): void {
  const [c, o] = [counts.shape, offsets.shape];
  if (c.length === 1 && o.length === 1 && c[0] === experts && o[0] === experts + 1) return;
  throw new ShapeError(
    `${at}: ${formatSpec({ dtype: "i32", shape: [experts] })} counts and ${
      formatSpec({ dtype: "i32", shape: [experts + 1] })
    } offsets wanted, got ${formatSpec(counts)} and ${formatSpec(offsets)}`,
  );
}

/** Output of the k-grouped product: `f32`, since it is the gradient of a weight. */
export function outerOutput({ experts, m, n }: GroupedOuterSizes): Spec {
  return f32(experts, m, n);
}
