import { commonFloat, type DType, type Float } from "../../engine/core/dtype.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, type Shape, sizeOf } from "../../engine/core/shape.ts";
import { formatSpec, type Spec } from "../../engine/core/spec.ts";

/** Attributes of a matmul: which operands are stored transposed. */
export interface MatmulAttrs {
  /** Whether A is stored as `[k, m]`. */
  readonly transA: boolean;
  /** Whether B is stored as `[n, k]`. */
  readonly transB: boolean;
  /** Dtype of C where A and B do not give it: `f16` where both are, else `f32`. */
  readonly out?: Float;
}

/** Attributes of a product whose result shall have dtype `out`, which is left unsaid where the operands say it. */
export function matmulAttrs(
  { transA = false, transB = false }: Partial<MatmulAttrs>,
  operands: readonly { readonly dtype: DType }[],
  out?: Float,
): MatmulAttrs {
  const own = commonFloat(operands.map(({ dtype }) => dtype));
  return out === undefined || out === own ? { transA, transB } : { transA, transB, out };
}

/** Spec of C. */
export function matmulOutput(inputs: readonly Spec[], attrs: MatmulAttrs): Spec {
  const [a, b] = inputs;
  return { dtype: attrs.out ?? commonFloat([a.dtype, b.dtype]), shape: matmulSizes(inputs, attrs).shape };
}

/** A matmul as `batch` independent products C[m, n] = op(A)[m, k] op(B)[k, n]. */
export interface MatmulSizes {
  /** Number of products. */
  readonly batch: number;
  /** Rows of C. */
  readonly m: number;
  /** Columns of C. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
  /** Shape of the output. */
  readonly shape: Shape;
}

/**
 * Sizes of the products of inputs a, b and, where given, a bias.
 *
 * @throws {ShapeError} when a rank is below 2, or inner dimensions, leading dimensions or the bias do not fit
 */
export function matmulSizes(inputs: readonly Spec[], { transA, transB }: MatmulAttrs): MatmulSizes {
  const [a, b, bias] = inputs;
  if (a.shape.length < 2 || b.shape.length < 2) {
    fail(a, b, `at least 2 dimensions wanted, got ${a.shape.length} and ${b.shape.length}`);
  }
  const [rows, inner] = lastTwo(a, transA), [depth, n] = lastTwo(b, transB);
  if (inner !== depth) fail(a, b, `inner dimensions must match, got ${inner} and ${depth}`);
  if (bias && !sameShape(bias.shape, [n])) {
    fail(a, b, `a bias of shape [${n}] wanted, got ${formatSpec(bias)}`);
  }
  const leadA = a.shape.slice(0, -2), leadB = b.shape.slice(0, -2);
  const shape = [...leadA, rows, n];
  if (sameShape(leadA, leadB)) return { batch: sizeOf(leadA), m: rows, n, k: inner, shape };
  if (leadB.length > 0) {
    fail(a, b, `leading dimensions must match, got [${leadA.join(", ")}] and [${leadB.join(", ")}]`);
  }
  if (transA) fail(a, b, "a transposed first operand cannot fold its leading dimensions into rows");
  return { batch: 1, m: sizeOf(leadA) * rows, n, k: inner, shape };
}

/** The last two dimensions of op(x). */
function lastTwo(x: Spec, transposed: boolean): [number, number] {
  const [first, second] = x.shape.slice(-2);
  return transposed ? [second, first] : [first, second];
}

function fail(a: Spec, b: Spec, reason: string): never {
  throw new ShapeError(`Cannot matmul ${formatSpec(a)} by ${formatSpec(b)}: ${reason}`);
}
