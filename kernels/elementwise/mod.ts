/**
 * Element-wise functions. Each is one expression; its WGSL, its WASM and its derivative follow from it.
 *
 * Inputs broadcast as in NumPy. A result is `f16` where all float inputs are, else `f32`; what happens in between is
 * `f32`. Fusion is declared here, by name, and never searched for.
 *
 * @module
 */
import { commonFloat, type DType } from "../../engine/core/dtype.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { apply, type Device } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import * as ex from "../expression/expression.ts";
import { type ElementwiseKernel, elementwiseKernel } from "./kernel.ts";

export { type ElementwiseAttrs, type ElementwiseKernel, elementwiseKernel } from "./kernel.ts";

/** Builds the output of an element-wise kernel from its inputs. */
export type Build = (...inputs: ex.Expression[]) => ex.Expression;

/** Declares an element-wise kernel with one output from an expression of its inputs. */
export function define(name: string, types: readonly DType[], build: Build): ElementwiseKernel {
  return elementwiseKernel(name, types, [build(...types.map((type, i) => ex.input(i, type)))]);
}

const siluOf: Build = (x) => ex.mul(x, ex.sigmoid(x));
// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
const geluTanhOf: Build = (x) => {
  const cubed = ex.mul(x, ex.mul(x, x));
  const inner = ex.mul(Math.sqrt(2 / Math.PI), ex.add(x, ex.mul(0.044715, cubed)));
  return ex.mul(ex.mul(0.5, x), ex.add(1, ex.tanh(inner)));
};

/** Names of the element-wise kernels, as in `ELEMENTWISE`. */
export type ElementwiseName =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "exp"
  | "log"
  | "sqrt"
  | "tanh"
  | "sigmoid"
  | "silu"
  | "geluTanh"
  | "swiglu"
  | "modulate"
  | "gatedResidual"
  | "interpolate"
  | "cosSinFeature"
  | "addCounts"
  | "toF32"
  | "dropLabel";

/** Every named element-wise kernel. */
export const ELEMENTWISE: Readonly<Record<ElementwiseName, ElementwiseKernel>> = {
  add: define("add", ["f32", "f32"], ex.add),
  sub: define("sub", ["f32", "f32"], ex.sub),
  mul: define("mul", ["f32", "f32"], ex.mul),
  div: define("div", ["f32", "f32"], ex.div),
  exp: define("exp", ["f32"], ex.exp),
  log: define("log", ["f32"], ex.log),
  sqrt: define("sqrt", ["f32"], ex.sqrt),
  tanh: define("tanh", ["f32"], ex.tanh),
  sigmoid: define("sigmoid", ["f32"], ex.sigmoid),
  silu: define("silu", ["f32"], siluOf),
  geluTanh: define("gelu_tanh", ["f32"], geluTanhOf),
  swiglu: define("swiglu", ["f32", "f32"], (gate, up) => ex.mul(siluOf(gate), up)),
  modulate: define(
    "modulate",
    ["f32", "f32", "f32"],
    (x, shift, scale) => ex.add(ex.mul(x, ex.add(scale, 1)), shift),
  ),
  gatedResidual: define("gated_residual", ["f32", "f32", "f32"], (x, gate, y) => ex.add(x, ex.mul(gate, y))),
  interpolate: define(
    "interpolate",
    ["f32", "f32", "f32"],
    (t, a, b) => ex.add(ex.mul(t, a), ex.mul(ex.sub(1, t), b)),
  ),
  cosSinFeature: define(
    "cos_sin_feature",
    ["f32", "f32", "f32"],
    (t, frequency, isSin) =>
      ex.select(
        ex.compare("lt", isSin, 0.5),
        ex.cos(ex.mul(t, frequency)),
        ex.sin(ex.mul(t, frequency)),
      ),
  ),
  addCounts: define("add_counts", ["i32", "i32"], ex.add),
  toF32: define("to_f32", ["i32"], ex.toF32),
  dropLabel: define(
    "drop_label",
    ["i32", "f32", "f32", "i32"],
    (label, random, probability, none) => ex.select(ex.compare("lt", random, probability), none, label),
  ),
};

function call(kernel: ElementwiseKernel, ...inputs: Tensor[]): Tensor {
  return apply(kernel, inputs, {})[0];
}

/** `a + b`. */
export function add(a: Tensor, b: Tensor): Tensor {
  return call(ELEMENTWISE.add, a, b);
}

/** `a - b`. */
export function sub(a: Tensor, b: Tensor): Tensor {
  return call(ELEMENTWISE.sub, a, b);
}

/** `a * b`. */
export function mul(a: Tensor, b: Tensor): Tensor {
  return call(ELEMENTWISE.mul, a, b);
}

/** `a / b`. */
export function div(a: Tensor, b: Tensor): Tensor {
  return call(ELEMENTWISE.div, a, b);
}

/** `e^x`. */
export function exp(x: Tensor): Tensor {
  return call(ELEMENTWISE.exp, x);
}

/** Natural logarithm of `x > 0`. */
export function log(x: Tensor): Tensor {
  return call(ELEMENTWISE.log, x);
}

/** Square root of `x >= 0`. */
export function sqrt(x: Tensor): Tensor {
  return call(ELEMENTWISE.sqrt, x);
}

/** Hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return call(ELEMENTWISE.tanh, x);
}

/** `1 / (1 + e^-x)`. */
export function sigmoid(x: Tensor): Tensor {
  return call(ELEMENTWISE.sigmoid, x);
}

/** `x * sigmoid(x)` (Elfwing et al., 2017). */
export function silu(x: Tensor): Tensor {
  return call(ELEMENTWISE.silu, x);
}

/** The tanh approximation of GELU (Hendrycks and Gimpel, 2016). */
export function geluTanh(x: Tensor): Tensor {
  return call(ELEMENTWISE.geluTanh, x);
}

/** `silu(gate) * up`: the gate of a SwiGLU feed-forward layer (Shazeer, 2020). */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  return call(ELEMENTWISE.swiglu, gate, up);
}

/**
 * adaLN modulation `x * (1 + scale) + shift` (Peebles and Xie, 2022).
 *
 * @param x `f32[B, T, D]`
 * @param shift `f32[B, 1, D]`
 * @param scale `f32[B, 1, D]`
 */
export function modulate(x: Tensor, shift: Tensor, scale: Tensor): Tensor {
  return call(ELEMENTWISE.modulate, x, shift, scale);
}

/**
 * adaLN residual `x + gate * y`.
 *
 * @param x `f32[B, T, D]`
 * @param gate `f32[B, 1, D]`
 * @param y `f32[B, T, D]`
 */
export function gatedResidual(x: Tensor, gate: Tensor, y: Tensor): Tensor {
  return call(ELEMENTWISE.gatedResidual, x, gate, y);
}

/** `t * a + (1 - t) * b`: the straight path of rectified flow. */
export function interpolate(t: Tensor, a: Tensor, b: Tensor): Tensor {
  return call(ELEMENTWISE.interpolate, t, a, b);
}

/**
 * `cos(t * frequency)` where `isSin` is 0, `sin(t * frequency)` where it is 1: sinusoidal features in one launch.
 *
 * @param t `f32[B, 1]`
 * @param frequency `f32[F]`
 * @param isSin `f32[F]`
 */
export function cosSinFeature(t: Tensor, frequency: Tensor, isSin: Tensor): Tensor {
  return call(ELEMENTWISE.cosSinFeature, t, frequency, isSin);
}

/**
 * Label dropout for classifier-free guidance: `none` where `random < probability`, else the label.
 *
 * @param label `i32[B]`
 * @param random `f32[B]`, uniform in [0, 1)
 * @param probability `f32[1]`
 * @param none `i32[1]`, the null class
 */
export function dropLabel(label: Tensor, random: Tensor, probability: Tensor, none: Tensor): Tensor {
  return call(ELEMENTWISE.dropLabel, label, random, probability, none);
}

/** Sum of two integer tensors, such as the token counts of two batches. */
export function addCounts(a: Tensor, b: Tensor): Tensor {
  return call(ELEMENTWISE.addCounts, a, b);
}

/** Integers as `f32`, such as the token counts of experts; exact up to 2^24. */
export function toF32(x: Tensor): Tensor {
  return call(ELEMENTWISE.toF32, x);
}

const parametric = new Map<string, ElementwiseKernel>();

/** A kernel with constants in it: one for each name and values. */
function kernelOf(name: string, constants: readonly number[], build: () => ElementwiseKernel) {
  const key = [name, ...constants].join(" ");
  let kernel = parametric.get(key);
  if (!kernel) parametric.set(key, kernel = build());
  return kernel;
}

/** `factor * x` for a factor known when the program is recorded. */
export function scale(x: Tensor, factor: number): Tensor {
  return call(kernelOf("scale", [factor], () => define("scale", ["f32"], (e) => ex.mul(factor, e))), x);
}

/** `factor * x + offset` for numbers known when the program is recorded. */
export function affine(x: Tensor, factor: number, offset: number): Tensor {
  return call(affineKernel(factor, offset), x);
}

/** The kernel of `affine`. */
export function affineKernel(factor: number, offset: number): ElementwiseKernel {
  return kernelOf(
    "affine",
    [factor, offset],
    () => define("affine", ["f32"], (x) => ex.add(ex.mul(factor, x), offset)),
  );
}

/**
 * `(target - z) / max(1 - t, floor)`: the velocity that carries `z` at time t to `target` at time 1 in a straight line.
 *
 * @param target `f32[B, C, H, W]`
 * @param z `f32[B, C, H, W]`
 * @param t `f32[B, 1, 1, 1]`
 * @param floor smallest divisor, more than 0
 */
export function velocityTo(target: Tensor, z: Tensor, t: Tensor, floor: number): Tensor {
  return call(velocityToKernel(floor), target, z, t);
}

/** The kernel of `velocityTo`. */
export function velocityToKernel(floor: number): ElementwiseKernel {
  const build: Build = (target, z, t) => ex.div(ex.sub(target, z), ex.max(ex.sub(1, t), floor));
  return kernelOf("velocity_to", [floor], () => define("velocity_to", ["f32", "f32", "f32"], build));
}

/**
 * Inverted dropout (Srivastava et al., 2014): 0 where `random < probability`, else `x / (1 - probability)`.
 *
 * @param x `f32` or `f16` of any shape, as the result
 * @param random uniform in [0, 1), of the same shape
 * @param probability at least 0 and below 1
 */
export function dropout(x: Tensor, random: Tensor, probability: number): Tensor {
  const own = commonFloat([x.dtype, random.dtype]) === x.dtype;
  return apply(dropoutKernel(probability), [x, random], own ? {} : { types: [x.dtype] })[0];
}

/** The kernel of `dropout`. */
export function dropoutKernel(probability: number): ElementwiseKernel {
  const build: Build = (x, random) =>
    ex.mul(x, ex.select(ex.compare("lt", random, probability), 0, 1 / (1 - probability)));
  return kernelOf("dropout", [probability], () => define("dropout", ["f32", "f32"], build));
}

const filled = new Map<string, ElementwiseKernel>();

/** A tensor of one value. */
export function full(device: Device, shape: Shape, value: number, dtype: DType = "f32"): Tensor {
  const key = `${dtype} ${value}`;
  let kernel = filled.get(key);
  if (!kernel) {
    filled.set(key, kernel = elementwiseKernel("full", [], [ex.constant(value, ex.valueType(dtype))]));
  }
  return device.execute(kernel, [], dtype === "f16" ? { shape, types: [dtype] } : { shape })[0];
}
