/**
 * Matrix products: `matmul` for any layout, `linear` for a weight with its bias.
 *
 * @module
 */
import { commonFloat, type Float } from "../../engine/core/dtype.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { sumTo } from "../reduce/mod.ts";
import { reshape } from "../reshape/mod.ts";
import { matmulCpu } from "./cpu.ts";
import { linearBackward } from "./linear_backward.ts";
import { matmulReference } from "./reference.ts";
import { type MatmulAttrs, matmulAttrs, matmulOutput, matmulSizes } from "./sizes.ts";
import { matmulWebGpu } from "./webgpu.ts";

export {
  LINEAR_BACKWARD,
  linearBackward,
  type LinearBackwardAttrs,
  type LinearGradients,
  type LinearSizes,
} from "./linear_backward.ts";
export { type MatmulAttrs, type MatmulSizes, matmulSizes } from "./sizes.ts";

/** The `matmul` kernel: inputs a, b and, where there is one, a bias `f32[N]` that is added to every row. */
export const MATMUL: Kernel<MatmulAttrs> = {
  name: "matmul",
  infer(inputs, attrs) {
    expectDTypes("matmul", inputs, inputs.length === 3 ? ["float", "float", "f32"] : ["float", "float"]);
    return [matmulOutput(inputs, attrs)];
  },
  cost(inputs, attrs) {
    const { batch, m, n, k } = matmulSizes(inputs, attrs);
    return streamingCost(inputs, [matmulOutput(inputs, attrs)], 2 * batch * m * n * k);
  },
  reference: matmulReference,
  webgpu: matmulWebGpu,
  cpu: matmulCpu,
  vjp: matmulVjp,
};

/** Which operands of `matmul` are stored transposed. */
export interface MatmulOptions {
  /** Whether `a` is stored transposed. */
  readonly transA?: boolean;
  /** Whether `b` is stored transposed. */
  readonly transB?: boolean;
  /** Dtype of the result; `f16` where `a` and `b` are, else `f32`, unless given. Sums are `f32` in any case. */
  readonly out?: Float;
}

/**
 * `op(a) op(b)`: a batch of matrix products where both have the same leading dimensions; where `b` has none, the
 * leading dimensions of `a` count as rows. Transposition is an option, so that no transposed copy is ever made.
 *
 * @param a `f32[.., M, K]`, or `f32[.., K, M]` with `transA`
 * @param b `f32[.., K, N]`, or `f32[.., N, K]` with `transB`
 * @returns `f32[.., M, N]`
 * @throws {ShapeError} when inner or leading dimensions differ, or `transA` meets leading dimensions that `b` lacks
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  return apply(MATMUL, [a, b], matmulAttrs(options, [a, b], options.out))[0];
}

/**
 * A linear layer, `x weight^T + bias`.
 *
 * @param x `f32[.., K]`
 * @param weight `f32[N, K]`
 * @param bias `f32[N]`
 * @param out dtype of the result; `f16` where `x` and `weight` are, else `f32`, unless given
 * @returns `f32[.., N]`
 * @throws {ShapeError} when the sizes differ, or `weight` is not a matrix
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, out?: Float): Tensor {
  if (weight.shape.length !== 2) {
    throw new ShapeError(
      `Cannot apply weight ${formatSpec(weight.spec)} to ${formatSpec(x.spec)}: f32[N, K] wanted`,
    );
  }
  const attrs = matmulAttrs({ transB: true }, [x, weight], out);
  return apply(MATMUL, bias ? [x, weight, bias] : [x, weight], attrs)[0];
}

/**
 * With G the gradient of C = A B: dA = G B^T and dB = A^T G; a transposed operand gets the transpose of that. dA has the
 * dtype of A. dB is `f32` even where B is `f16`: B is a weight, whose gradient is a long sum and goes to an optimizer.
 */
function matmulVjp(context: VjpContext<MatmulAttrs>): (Tensor | null)[] {
  const { inputs: [a, b], grads: [grad], attrs: { transA, transB }, needs } = context;
  if (!grad) return context.inputs.map(() => null);
  if (transB && !transA && needs[1] && b.shape.length === 2) return linearVjp(context, grad);
  const own = commonFloat([a.dtype]);
  const dA = () =>
    transA
      ? matmul(b, grad, { transA: transB, transB: true, out: own })
      : matmul(grad, b, { transB: !transB, out: own });
  const dB = () => {
    const [left, right] = folded(a, b) ? [asMatrix(a), asMatrix(grad)] : [a, grad];
    return transB
      ? matmul(right, left, { transA: true, transB: transA, out: "f32" })
      : matmul(left, right, { transA: !transA, out: "f32" });
  };
  const gradients = [needs[0] ? dA() : null, needs[1] ? dB() : null];
  return context.inputs.length === 3 ? [...gradients, needs[2] ? sumRows(grad) : null] : gradients;
}

/** All gradients of a linear layer in one call. */
function linearVjp({ inputs: [x, weight], needs, before }: VjpContext<MatmulAttrs>, grad: Tensor) {
  const wanted = { input: needs[0], bias: needs[2] ?? false };
  const gradients = linearBackward(grad, x, weight, wanted, needs[0] ? before(0) : null);
  const all = [gradients.input, gradients.weight, gradients.bias];
  return all.slice(0, needs.length);
}

/** Whether the leading dimensions of `a` count as rows. */
function folded(a: Tensor, b: Tensor): boolean {
  return a.shape.length > b.shape.length;
}

function asMatrix(x: Tensor): Tensor {
  const columns = x.shape[x.shape.length - 1];
  return reshape(x, [sizeOf(x.shape) / columns, columns]);
}

function sumRows(grad: Tensor): Tensor {
  const rows = asMatrix(grad);
  return reshape(sumTo(rows, [1, rows.shape[1]]), [rows.shape[1]]);
}
