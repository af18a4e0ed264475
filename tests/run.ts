/**
 * `deno task test`: runs the tests and the examples of the documentation, names what was skipped, and counts.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import { ConfigError } from "../engine/core/errors.ts";

/** The command line of `deno task test`. */
export const COMMAND: Command = {
  name: "test",
  summary: "Run the tests and the examples of the documentation, on every device that is here.",
  positional: "[FILE_OR_DIR...]",
  flags: [
    { name: "device", value: "NAME", help: "cpu, webgpu or all; one that is named must not be missing" },
    { name: "gpu", value: "NAME", help: "who implements WebGPU: deno, dawn or dawn:NAME (default deno)" },
    { name: "filter", value: "TEXT", help: "only tests whose name holds TEXT, or matches it as /PATTERN/" },
  ],
};

/** How many tests ended how. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const VARIABLE = "TESSERA_TEST_DEVICES";

/** Devices that `--device` stands for; the reference is the oracle of the others. */
const DEVICES: Readonly<Record<string, string>> = {
  cpu: "reference,cpu",
  webgpu: "reference,webgpu",
  all: "reference,cpu,webgpu",
};

/** What the tests may do. Some start a run of their own to kill it, hence `--allow-run` for this Deno alone. */
function permissions(): string[] {
  return [
    "--allow-read",
    "--allow-write",
    "--allow-env=TESSERA_TEST_DEVICES,TESSERA_TEST_GPU,TESSERA_KERNELS",
    "--allow-sys=cpus,systemMemoryInfo",
    "--allow-ffi",
    `--allow-run=${Deno.execPath()}`,
  ];
}

/** Runs `deno task test`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, runTests);
}

async function runTests(line: CommandLine): Promise<number> {
  const filter = line.text("filter");
  const gpu = line.text("gpu");
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--doc",
      ...permissions(),
      ...gpu === undefined ? [] : ["--allow-ffi"],
      ...filter === undefined ? [] : [`--filter=${filter}`],
      ...line.positional,
    ],
    env: {
      [VARIABLE]: devicesOf(line.text("device")),
      ...gpu === undefined ? {} : { TESSERA_TEST_GPU: gpu },
      ...Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : {},
    },
    stdout: "piped",
  }).spawn();
  const output = withoutColours(await passOn(child.stdout));
  const { code, signal } = await child.status;
  const crashed = diedAtExit(output, signal);
  const totals = totalsOf(output, code === 0 || crashed);
  const skipped = skippedTests(output);
  if (skipped.length > 0) say(["", "skipped:", ...skipped.map((name) => `  ${name}`)].join("\n"));
  if (crashed) say(`\nafter the last test the process died of ${signal}, which is not counted`);
  say(["", formatTotals(totals)].join("\n"));
  if (crashed) return 0;
  return code === 0 && totals.failed > 0 ? 1 : code;
}

function devicesOf(name: string | undefined): string {
  if (name === undefined) return Deno.env.get(VARIABLE) ?? "";
  if (Object.hasOwn(DEVICES, name)) return DEVICES[name];
  throw new ConfigError(`Cannot test device "${name}": wanted one of ${Object.keys(DEVICES).join(", ")}`);
}

/** Prints what arrives, as it arrives, and returns it. */
async function passOn(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    let rest = chunk;
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[\d;]*m/g, "");
}

/**
 * Whether a signal ended the process when all tests had passed and been counted. Where Mesa's llvmpipe is loaded, a
 * thread of Deno that ends during the exit frees its thread-local data twice, in one run of ten: every result is there
 * by then. Commands leave by `Deno.exit()`, which waits for no thread.
 */
export function diedAtExit(output: string, signal: Deno.Signal | null): boolean {
  return signal !== null && /(?:^|\n)ok \| \d+ passed[^\n]* \| 0 failed[^\n]*$/.test(output.trimEnd());
}

/**
 * Reads the totals off the runner's summary. A run that fails without one (a file that does not compile) counts as
 * one failure.
 */
export function totalsOf(output: string, succeeded: boolean): Totals {
  const summary = [...output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*$/gm)].at(-1);
  const count = (word: string) => Number(summary?.[0].match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
  const failed = count("failed");
  return {
    passed: count("passed"),
    failed: succeeded ? failed : Math.max(1, failed),
    skipped: count("ignored"),
  };
}

/** Names and files of the tests that the runner reports as ignored; steps are left out, as in the totals. */
export function skippedTests(output: string): string[] {
  let file = "";
  return output.split("\n").flatMap((line) => {
    file = line.match(/^running \d+ tests? from (.*)$/)?.[1] ?? file;
    const [, name] = line.match(/^(\S.*) \.\.\. ignored \(/) ?? [];
    return name === undefined ? [] : [`${name} (${file})`];
  });
}

/** The last line of a run: `12 passed, 0 failed`, and how many were skipped. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
