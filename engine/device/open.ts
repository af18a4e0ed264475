import { DeviceError } from "../core/errors.ts";
import type { Backend, DeviceKind } from "./backend.ts";
import { CpuBackend } from "./cpu/cpu_backend.ts";
import { Device } from "./device.ts";
import { ReferenceBackend } from "./reference/reference_backend.ts";
import { probeAdapter } from "./webgpu/adapter.ts";
import { WebGpuBackend } from "./webgpu/backend.ts";

/** What a user can ask for. */
export type DeviceName = DeviceKind | "auto";

/** A device by name, and why it was chosen. */
export interface DeviceChoice {
  /** The device that was chosen. */
  readonly kind: DeviceKind;
  /** One line for people. */
  readonly reason: string;
}

/** Options of `openDevice`. */
export interface DeviceOptions {
  /** Threads of the `cpu` device; all cores unless told. */
  readonly threads?: number;
  /** Multiplies matrices of the `cpu` device by a library of the system: `auto` or its path. See `docs/blas.md`. */
  readonly blas?: string;
  /** Who implements WebGPU for the `webgpu` device: `deno` (the default), `dawn` or `dawn:NAME`. */
  readonly gpu?: string;
}

/** Names that `--device` takes. */
export const DEVICE_NAMES: readonly DeviceName[] = ["auto", "webgpu", "cpu", "reference"];

/**
 * Says which device `name` means here: `auto` takes WebGPU on a hardware adapter, and the CPU device otherwise. A
 * software adapter is used only when `webgpu` is asked for by name.
 *
 * @throws {DeviceError} for an unknown name, or a `gpu` that cannot be had
 */
export async function chooseDevice(
  name: string,
  { gpu }: Pick<DeviceOptions, "gpu"> = {},
): Promise<DeviceChoice> {
  if (!isDeviceName(name)) {
    throw new DeviceError(`Cannot open device "${name}": wanted one of ${DEVICE_NAMES.join(", ")}`);
  }
  if (name !== "auto") return { kind: name, reason: `asked for by name` };
  const adapter = await probeAdapter(gpu);
  if (!adapter) return { kind: "cpu", reason: "no WebGPU adapter was found" };
  if (adapter.software) {
    return {
      kind: "cpu",
      reason: `the only WebGPU adapter is software (${adapter.name}); use --device webgpu to force it`,
    };
  }
  return { kind: "webgpu", reason: `hardware adapter ${adapter.name}` };
}

function isDeviceName(name: string): name is DeviceName {
  return (DEVICE_NAMES as readonly string[]).includes(name);
}

/**
 * Opens a device.
 *
 * ```ts ignore
 * using device = await openDevice("auto");
 * ```
 *
 * @throws {DeviceError} when the name is unknown, `webgpu` is asked for and there is no adapter, or `blas` or `gpu` is
 * asked for and there is no library, no permission to call it, or another device than the one that it serves
 */
export async function openDevice(name: string = "auto", options: DeviceOptions = {}): Promise<Device> {
  const { kind, reason } = await chooseDevice(name, options);
  return new Device(await openBackend(kind, options), reason);
}

async function openBackend(kind: DeviceKind, { threads, blas, gpu }: DeviceOptions): Promise<Backend> {
  if (blas !== undefined && kind !== "cpu") throw notServed("blas", kind, "cpu");
  if (gpu !== undefined && kind !== "webgpu") throw notServed("gpu", kind, "webgpu");
  switch (kind) {
    case "webgpu":
      return await WebGpuBackend.create({ gpu });
    case "cpu":
      return new CpuBackend({ threads, blas });
    case "reference":
      return new ReferenceBackend();
  }
}

function notServed(option: string, kind: DeviceKind, served: DeviceKind): DeviceError {
  return new DeviceError(
    `Cannot use --${option} on the ${kind} device: it serves the ${served} device, add --device ${served}`,
  );
}

/** One line for people: the device, and why it was chosen. */
export function describeDevice(device: Device): string {
  return `device: ${device.backend.description} (${device.reason})`;
}
