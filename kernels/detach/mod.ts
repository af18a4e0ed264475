/**
 * A tensor as a constant to autodiff.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Kernel } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";

/** The `detach` kernel: an alias without a backward rule, so nothing runs and no gradient passes. */
export const DETACH: Kernel = {
  name: "detach",
  alias: true,
  infer: ([x]) => [x],
  cost: () => ({ flops: 0, bytesRead: 0, bytesWritten: 0 }),
  reference() {},
  webgpu: () => ({ launches: [] }),
  cpu: () => ({ calls: [] }),
};

/**
 * The same elements, through which no gradient flows: what is computed from them does not train what made them.
 *
 * @param x any dtype and shape
 */
export function detach(x: Tensor): Tensor {
  return apply(DETACH, [x], {})[0];
}
