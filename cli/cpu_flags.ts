import type { CommandLine, Flag } from "./command.ts";

/** Options of the cpu device, the same in every command that opens one. */
export const CPU_FLAGS: readonly Flag[] = [
  { name: "threads", value: "N", help: "threads of the cpu device (default: all cores)" },
  {
    name: "blas",
    value: "FILE",
    bare: "auto",
    help: "multiply matrices on the cpu device by OpenBLAS or Accelerate (--allow-ffi)",
  },
];

/** What `CPU_FLAGS` say, as `openDevice` takes it. */
export interface CpuOptions {
  /** Threads that share the work. */
  readonly threads?: number;
  /** `auto`, or the path of a library. */
  readonly blas?: string;
}

/**
 * Reads the options of the cpu device.
 *
 * @throws {ConfigError} when a value is missing, or is not a number of threads
 */
export function cpuOptions(line: CommandLine): CpuOptions {
  return { threads: line.number("threads", 1, true), blas: line.text("blas") };
}
