import { ConfigError } from "../engine/core/errors.ts";
import type { Backend } from "../engine/device/backend.ts";
import type { Precision } from "../models/layers/precision.ts";

/**
 * Checks that a device can train in a precision.
 *
 * @throws {ConfigError} naming the device and what to use in its place
 */
export function requirePrecision(backend: Backend, precision: Precision): void {
  if (precision !== "f16" || (backend.kind === "webgpu" && backend.halfPrecision)) return;
  const reason = backend.kind === "webgpu"
    ? `on ${backend.description}: wanted an adapter with the feature shader-f16`
    : `on the ${backend.kind} device: wanted --device webgpu, on an adapter with the feature shader-f16`;
  throw new ConfigError(`Cannot train with --precision f16 ${reason}; --precision f32 runs on every device`);
}
