/**
 * The operations: functions of tensors, each a kernel in a folder of its own, with a card that explains it.
 *
 * ```ts
 * import { openDevice } from "@tessera/tessera/engine";
 * import { matmul, softmax } from "@tessera/tessera/kernels";
 *
 * using device = await openDevice("cpu");
 * const a = device.tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
 * const b = device.tensor([3, 2], Float32Array.of(1, 0, 0, 1, 1, 1));
 * console.log(await softmax(matmul(a, b)).read());
 * ```
 *
 * @module
 */
export * from "./adaln/mod.ts";
export * from "./adamw/mod.ts";
export * from "./assign/mod.ts";
export * from "./attention/mod.ts";
export * from "./cast/mod.ts";
export * from "./conv2d/mod.ts";
export * from "./detach/mod.ts";
export * from "./elementwise/mod.ts";
export * from "./embedding/mod.ts";
export * from "./gated_matmul/mod.ts";
export * from "./global_norm/mod.ts";
export * from "./groupnorm/mod.ts";
export * from "./layernorm/mod.ts";
export * from "./loss_scale/mod.ts";
export * from "./matmul/mod.ts";
export * from "./metrics/mod.ts";
export * from "./moe/balance/mod.ts";
export * from "./moe/expert_choice/mod.ts";
export * from "./moe/gather_scatter/mod.ts";
export * from "./moe/grouped_matmul/mod.ts";
export * from "./moe/histogram_scan/mod.ts";
export * from "./moe/router/mod.ts";
export * from "./moe/top_k/mod.ts";
export * from "./patchify/mod.ts";
export * from "./permute/mod.ts";
export * from "./pool/mod.ts";
export * from "./random/mod.ts";
export * from "./reduce/mod.ts";
export * from "./reshape/mod.ts";
export * from "./resize/mod.ts";
export * from "./rmsnorm/mod.ts";
export * from "./rope/mod.ts";
export * from "./softmax/mod.ts";
export * from "./split/mod.ts";

export * as expression from "./expression/expression.ts";
export type {
  BinaryOp,
  CompareOp,
  Expression,
  Operand,
  UnaryOp,
  ValueType,
} from "./expression/expression.ts";
export { GRADIENT_OPS, type LossAndGradients, valueAndGradients } from "./grad.ts";
export { type MoeLayer, moeReference, type MoeResult } from "./moe/moe_reference.ts";
