import { DeviceError, withModulePath } from "../../core/errors.ts";
import { byteLength, formatSpec } from "../../core/spec.ts";
import type { CpuPlan } from "../../kernel.ts";
import type { Call } from "../backend.ts";
import { gemmCall, worthBlas } from "./blas_call.ts";
import { CpuLowered } from "./bound.ts";

/** A kernel's plan as calls; with `blas`, its matrix products are calls of the library where that is faster. */
export function lowerPlan(call: Call, plan: CpuPlan, lanes: number, blas: boolean): CpuLowered {
  const steps = plan.steps ?? [plan];
  const ofLibrary = steps.map(({ gemm }) => blas && gemm && worthBlas(gemm) ? gemm : undefined);
  const calls = steps.flatMap((step, i) => {
    const gemm = ofLibrary[i];
    return gemm ? [gemmCall(gemm, lanes)] : step.calls;
  });
  if (!ofLibrary.includes(undefined)) return new CpuLowered(call, calls, [], false);
  const scratch = (plan.scratch ?? []).map(({ spec, perLane }) => byteLength(spec) * (perLane ? lanes : 1));
  return new CpuLowered(call, calls, scratch, false);
}

/**
 * Refuses tensors of half precision, which WebAssembly has no instructions for.
 *
 * @throws {DeviceError} naming the kernel and the tensor
 */
export function requireSinglePrecision({ kernel, inputs, outputs, path }: Call): void {
  const half = [...inputs, ...outputs].find(({ dtype }) => dtype === "f16");
  if (!half) return;
  const reason = `${formatSpec(half)} is given, and tensors of f16 are for a webgpu device with shader-f16`;
  throw withModulePath(
    new DeviceError(`Cannot run kernel "${kernel.name}" on the cpu device: ${reason}`),
    path,
  );
}
