import type { HostArray } from "../../engine/core/dtype.ts";
import type { DeviceKind } from "../../engine/device/backend.ts";
import { isHalf } from "../../bench/suites.ts";
import type { AnyKernel, KernelCase } from "../../engine/kernel.ts";

/** Relative L2 error `||a - b|| / ||b||`; the norm of `a` where `b` is zero; infinite for NaN. Equal infinities agree. */
export function relativeError(a: HostArray, b: HostArray): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i] && !Number.isFinite(b[i])) continue;
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  const error = Math.sqrt(difference) / (norm > 0 ? Math.sqrt(norm) : 1);
  return a.length === b.length && !Number.isNaN(error) ? error : Infinity;
}

/**
 * Relative L2 error allowed against the f64 reference. Strict covers f32 arithmetic with correctly rounded basic
 * operations: about 2^-24 for each of a handful of roundings, with random signs. Relaxed covers GPUs, where WGSL
 * allows exp, log and division a few units in the last place.
 *
 * A case with half-precision tensors may miss by half a unit in the last place of those, 2^-11: the reference rounds too,
 * and where the two disagree on a tie, or a GPU rounds towards zero, they are one unit apart.
 */
// deno-lint-ignore no-explicit-any
export function toleranceOf(device: DeviceKind, kernel: AnyKernel, test: KernelCase<any>): number {
  if (isHalf(kernel, test)) return test.tolerance?.relaxed ?? 2 ** -11;
  if (device === "webgpu") return test.tolerance?.relaxed ?? 1e-5;
  return test.tolerance?.strict ?? 1e-6;
}
