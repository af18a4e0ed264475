import { assertEquals } from "@std/assert";
import { type Command, parseCommandLine } from "../../cli/command.ts";
import { CPU_FLAGS, cpuOptions } from "../../cli/cpu_flags.ts";

const COMMAND: Command = { name: "run", summary: "Runs.", flags: CPU_FLAGS };

Deno.test("`cpuOptions()` reads threads and the library, and leaves out what is not given", () => {
  const options = (...args: string[]) => cpuOptions(parseCommandLine(COMMAND, args), 4);
  assertEquals(options(), { threads: undefined, blas: undefined });
  assertEquals(options("--threads=3", "--blas"), { threads: 3, blas: "auto" });
  assertEquals(options("--blas=/lib/libblas.so"), { threads: undefined, blas: "/lib/libblas.so" });
});

Deno.test("`cpuOptions()` starts no more threads than there are cores", () => {
  assertEquals(cpuOptions(parseCommandLine(COMMAND, ["--threads=4"]), 2).threads, 2);
});
