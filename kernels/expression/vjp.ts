import { commonFloat, type DType, isFloat } from "../../engine/core/dtype.ts";
import { sameShape, type Shape } from "../../engine/core/shape.ts";
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { elementwiseKernel } from "../elementwise/kernel.ts";
import { reduceKernel } from "../reduce/kernel.ts";
import { reshape } from "../reshape/mod.ts";
import { derivatives } from "./derivative.ts";
import {
  add,
  children,
  constant,
  type Expression,
  formatExpressions,
  input,
  valueType,
} from "./expression.ts";

/** An expression kernel's backward pass: which expressions, over which tensors, in which iteration space. */
export interface ExpressionVjp {
  readonly name: string;
  readonly roots: readonly Expression[];
  /** Gradient that arrives at each root, null where none does. */
  readonly grads: readonly (Tensor | null)[];
  /** Maps the element of an arriving gradient to the adjoint of its root; the identity unless given. */
  readonly upstream?: (grad: Expression) => Expression;
  readonly inputs: readonly Tensor[];
  readonly needs: readonly boolean[];
  readonly shape: Shape;
}

/**
 * The gradients of an expression kernel's inputs. Inputs of the full shape share one element-wise launch, and their
 * gradients have their dtypes; a broadcast input gets a reduction with the derivative fused into its read, in f32.
 */
export function expressionVjp(call: ExpressionVjp): (Tensor | null)[] {
  const { inputs, needs, shape } = call;
  const gradients = gradientExpressions(call);
  const tensors = [...inputs, ...call.grads.filter((grad) => grad !== null)];
  const result: (Tensor | null)[] = inputs.map(() => null);
  const full: number[] = [];
  inputs.forEach((tensor, i) => {
    const gradient = gradients[i];
    if (!needs[i] || !isFloat(tensor.dtype) || isZero(gradient)) return;
    const same = sameShape(tensor.shape, shape);
    const passed = gradient.op === "input" ? tensors[gradient.index] : undefined;
    if (same && passed && passed.dtype === tensor.dtype && sameShape(passed.shape, shape)) {
      result[i] = passed;
    } else if (same) full.push(i);
    else result[i] = reduced(call.name, gradient, tensors, shape, tensor.shape);
  });
  if (full.length > 0) {
    const { roots, used } = compact(full.map((i) => gradients[i]), tensors);
    const kernel = memoised("map", call.name, used, roots);
    const types = full.map((i) => inputs[i].dtype);
    const common = commonFloat(used.map(({ dtype }) => dtype));
    const outputs = apply(
      kernel,
      used,
      types.every((type) => type === common) ? { shape } : { shape, types },
    );
    full.forEach((i, k) => result[i] = outputs[k]);
  }
  return result;
}

function gradientExpressions(call: ExpressionVjp): Expression[] {
  const upstream = call.upstream ?? ((grad: Expression) => grad);
  const indices = call.inputs.map((_, i) => i);
  let next = call.inputs.length;
  const sums = indices.map(() => constant(0) as Expression);
  call.roots.forEach((root, r) => {
    if (!call.grads[r]) return;
    const grad = upstream(input(next++));
    derivatives(root, grad, indices).forEach((part, i) => sums[i] = add(sums[i], part));
  });
  return sums;
}

function isZero(e: Expression): boolean {
  return e.op === "const" && e.value === 0;
}

function reduced(
  name: string,
  gradient: Expression,
  tensors: readonly Tensor[],
  shape: Shape,
  target: Shape,
): Tensor {
  const { roots, used } = compact([gradient], tensors);
  const kernel = memoised("reduce", name, used, roots);
  const padded = [...shape.map(() => 1), ...target].slice(-shape.length);
  const [sum] = apply(kernel, used, { over: shape, shape: padded, scale: 1 });
  return reshape(sum, target);
}

/** Renumbers the inputs that some expressions really use, so that nothing else has to be bound. */
function compact(
  roots: readonly Expression[],
  tensors: readonly Tensor[],
): { roots: Expression[]; used: Tensor[] } {
  const order = new Map<number, number>();
  const memo = new Map<Expression, Expression>();
  const rewrite = (e: Expression): Expression => {
    const known = memo.get(e) ?? rewriteNode(e);
    memo.set(e, known);
    return known;
  };
  const rewriteNode = (e: Expression): Expression => {
    if (e.op === "input") {
      if (!order.has(e.index)) order.set(e.index, order.size);
      return input(order.get(e.index)!, e.type as DType);
    }
    if (children(e).length === 0) return e;
    if (e.op === "select") return { ...e, when: rewrite(e.when), a: rewrite(e.a), b: rewrite(e.b) };
    if ("b" in e) return { ...e, a: rewrite(e.a), b: rewrite(e.b) };
    return "a" in e ? { ...e, a: rewrite(e.a) } : e;
  };
  const rewritten = roots.map(rewrite);
  return { roots: rewritten, used: [...order.keys()].map((index) => tensors[index]) };
}

type MapKernel = ReturnType<typeof elementwiseKernel>;
type ReduceKernel = ReturnType<typeof reduceKernel>;
const derived = new Map<string, MapKernel | ReduceKernel>();

/** One kernel object for one derivative: lowered code is cached by kernel identity. */
function memoised(kind: "map", name: string, used: readonly Tensor[], roots: Expression[]): MapKernel;
function memoised(kind: "reduce", name: string, used: readonly Tensor[], roots: Expression[]): ReduceKernel;
function memoised(
  kind: "map" | "reduce",
  name: string,
  used: readonly Tensor[],
  roots: Expression[],
): MapKernel | ReduceKernel {
  const key = `${kind} ${name} ${formatExpressions(roots)}`;
  let kernel = derived.get(key);
  if (!kernel) {
    const types = used.map((tensor) => valueType(tensor.dtype));
    kernel = kind === "map"
      ? elementwiseKernel(`${name}_backward`, types, roots)
      : reduceKernel(`${name}_backward_sum`, types, roots[0]);
    derived.set(key, kernel);
  }
  return kernel;
}
