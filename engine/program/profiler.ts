import { formatSpec } from "../core/spec.ts";
import type { Program } from "./program.ts";

/** Time and work of one call of a program. */
export interface ProfiledCall {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Module path at the call. */
  readonly path: string;
  /** Specs of the inputs, for people. */
  readonly shapes: string;
  /** Time of the call. */
  readonly microseconds: number;
  /** Floating-point operations by `Kernel.cost`. */
  readonly flops: number;
  /** Bytes read and written by `Kernel.cost`. */
  readonly bytes: number;
}

interface Line {
  calls: number;
  microseconds: number;
  flops: number;
  bytes: number;
}

const COLUMNS = ["kernel", "calls", "us", "GFLOP/s", "GB/s", "% of step"];

/** Where the time of one run of a program went. */
export class Profile {
  /** Made by `profileProgram`. */
  constructor(readonly name: string, readonly calls: readonly ProfiledCall[]) {}

  /** Microseconds of the whole run. */
  get total(): number {
    return this.calls.reduce((sum, call) => sum + call.microseconds, 0);
  }

  /** One line a kernel, the longest first. */
  table(): string {
    const lines = new Map<string, Line>();
    for (const { kernel, microseconds, flops, bytes } of this.calls) {
      const line = lines.get(kernel) ?? { calls: 0, microseconds: 0, flops: 0, bytes: 0 };
      line.calls += 1;
      line.microseconds += microseconds;
      line.flops += flops;
      line.bytes += bytes;
      lines.set(kernel, line);
    }
    const rows = [...lines].sort(([, a], [, b]) => b.microseconds - a.microseconds).map(([kernel, line]) => [
      kernel,
      String(line.calls),
      line.microseconds.toFixed(0),
      (line.flops / line.microseconds / 1e3).toFixed(2),
      (line.bytes / line.microseconds / 1e3).toFixed(2),
      (100 * line.microseconds / this.total).toFixed(1),
    ]);
    const widths = COLUMNS.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c].length)));
    const format = (row: readonly string[]) =>
      row.map((cell, c) => c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])).join("  ");
    const total = `${this.name}: ${this.calls.length} calls, ${(this.total / 1000).toFixed(2)} ms`;
    return [total, format(COLUMNS), ...rows.map(format)].join("\n");
  }

  /** The run in the format of `chrome://tracing` and Perfetto: one event a call, end to end. */
  chromeTrace(): string {
    let ts = 0;
    const traceEvents = this.calls.map(({ kernel, path, shapes, microseconds }) => {
      const event = {
        name: kernel,
        cat: path,
        ph: "X",
        ts,
        dur: microseconds,
        pid: 1,
        tid: 1,
        args: { path, shapes },
      };
      ts += microseconds;
      return event;
    });
    return JSON.stringify({ traceEvents, displayTimeUnit: "ms" });
  }
}

/**
 * Runs a program once, call by call: by timestamp queries where the device has them, by the clock around each call
 * where calls are synchronous. The program's state advances as in a normal run.
 */
export async function profileProgram(program: Program): Promise<Profile> {
  const { backend } = program.device;
  const times = await backend.profile?.(program.bound) ?? clockTimes(program);
  const calls = program.calls.map(({ kernel, inputs, attrs, path }, i): ProfiledCall => {
    const specs = inputs.map((input) => input.spec);
    const { flops, bytesRead, bytesWritten } = kernel.cost(specs, attrs);
    return {
      kernel: kernel.name,
      path,
      shapes: specs.map(formatSpec).join(", "),
      microseconds: times[i],
      flops,
      bytes: bytesRead + bytesWritten,
    };
  });
  return new Profile(program.name, calls);
}

function clockTimes(program: Program): number[] {
  return program.bound.map((bound) => {
    const start = performance.now();
    program.device.backend.submit([bound]);
    return (performance.now() - start) * 1000;
  });
}
