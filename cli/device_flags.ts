import type { CommandLine, Flag } from "./command.ts";
import { CPU_FLAGS, type CpuOptions, cpuOptions } from "./cpu_flags.ts";

/** Options of the devices beside `--device`, the same in every command that opens one. */
export const DEVICE_FLAGS: readonly Flag[] = [
  ...CPU_FLAGS,
  {
    name: "gpu",
    value: "NAME",
    help: "who implements WebGPU: deno, dawn or dawn:NAME (default deno; Dawn needs --allow-ffi)",
  },
];

/** What `DEVICE_FLAGS` say, as `openDevice` takes it. */
export interface DeviceFlagOptions extends CpuOptions {
  /** As `openGpu` takes it. */
  readonly gpu?: string;
}

/**
 * Reads the options of the devices.
 *
 * @throws {ConfigError} when a value is missing, or is not a number of threads
 */
export function deviceOptions(line: CommandLine): DeviceFlagOptions {
  return { ...cpuOptions(line), gpu: line.text("gpu") };
}
