/**
 * A small assembler of WebAssembly SIMD, for kernels that are generated at run time for one shape. See README.md.
 *
 * @module
 */
export { CodeWriter, type Local } from "./code_writer.ts";
export { FunctionBuilder, type Label, type Operands, type Procedure } from "./function_builder.ts";
export { KernelBuilder, kernelModule, type Parameters } from "./module_builder.ts";
export { keepLanes, maxLanes, storePartial, sumLanes } from "./lanes.ts";
export * as math from "./math.ts";
export { f32, f64, i32, i64 } from "./scalar.ts";
export type { FloatBinary, FloatCompare, FloatUnary } from "./scalar.ts";
export type { IntegerBinary, IntegerCompare, IntegerUnary } from "./scalar.ts";
export { f32x4, f64x2, i32x4, i64x2, i8x16, v128 } from "./simd.ts";
export type { Extract, FloatArithmetic, IntegerArithmetic, Replace, Shift, Shuffle } from "./simd.ts";
export type { Binary, Expr, Load, Named, Operand, Select, Ternary, Unary, ValueType } from "./types.ts";
