import type { CommandLine, Flag } from "./command.ts";

/** Options of the cpu device, the same in every command that opens one. */
export const CPU_FLAGS: readonly Flag[] = [
  { name: "threads", value: "N", help: "threads of the cpu device, at most the cores (default: all cores)" },
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
 * Reads the options of the cpu device. More threads than cores would take turns, which costs a step up to 18%: they are
 * not started, and results do not depend on their number.
 *
 * @throws {ConfigError} when a value is missing, or is not a number of threads
 */
export function cpuOptions(line: CommandLine, cores: number = navigator.hardwareConcurrency): CpuOptions {
  const threads = line.number("threads", 1, true);
  return { threads: threads && Math.min(threads, cores), blas: line.text("blas") };
}
