import { isFloat } from "../core/dtype.ts";
import { NonFiniteError } from "../core/errors.ts";
import type { Device } from "../device/device.ts";
import type { Tensor } from "../tensor.ts";

interface Seen {
  readonly output: Tensor;
  readonly kernel: string;
  readonly path: string;
}

/**
 * Runs `body` eagerly and looks at every kernel's output, in order.
 *
 * @param within false for kernels to pass over, asked after each
 * @throws {NonFiniteError} naming the first module and kernel that gave NaN or infinity
 */
export async function checkFinite<T>(
  device: Device,
  body: () => T,
  within: () => boolean = () => true,
): Promise<T> {
  using _scope = device.scope();
  const seen: Seen[] = [];
  device.afterKernel = (outputs, kernel, path) => {
    if (!within()) return;
    for (const output of outputs) if (isFloat(output.dtype)) seen.push({ output, kernel, path });
  };
  let value: T;
  try {
    value = body();
  } finally {
    device.afterKernel = undefined;
  }
  for (const { output, kernel, path } of seen) {
    const values = await output.read();
    const bad = values.findIndex((element) => !Number.isFinite(element));
    if (bad >= 0) {
      throw new NonFiniteError(
        `Module "${path}" produced ${values[bad]}: first in ${kernel}, output ${output}, element ${bad}`,
      );
    }
  }
  return value;
}
