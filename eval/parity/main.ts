/**
 * Runs golden files of the reference implementation: `deno task parity FILE_OR_DIR...`
 *
 * @module
 */
import { type Command, runCommand, say } from "../../cli/command.ts";
import { DEVICE_FLAGS, deviceOptions } from "../../cli/device_flags.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import { chooseDevice, openDevice } from "../../engine/device/open.ts";
import { findGoldens } from "./files.ts";
import { runParity } from "./parity.ts";
import { formatReport, jsonReport } from "./report.ts";
import type { ToleranceName } from "./tolerances.ts";

const COMMAND: Command = {
  name: "parity",
  summary: "Holds this implementation against golden tensors of the reference.",
  positional: "FILE_OR_DIR...",
  flags: [
    { name: "device", value: "D", help: "auto (default), webgpu, cpu or reference" },
    ...DEVICE_FLAGS,
    { name: "families", value: "A,B", help: "run only the cases of these families" },
    {
      name: "tolerance",
      value: "T",
      help: "strict or relaxed; by default relaxed on webgpu, strict elsewhere",
    },
    { name: "json", help: "print the whole report as JSON" },
    { name: "verbose", help: "print every quantity, not only failures" },
  ],
};

function toleranceNamed(name: string | undefined): ToleranceName | undefined {
  if (name === undefined || name === "strict" || name === "relaxed") return name;
  throw new ConfigError(`Cannot use --tolerance ${name}: wanted strict or relaxed`);
}

/**
 * The `parity` command.
 *
 * @param args the command line
 * @returns the exit code: 0 only if every case passed
 */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, async (line) => {
    if (line.positional.length === 0) {
      throw new ConfigError(`Cannot run parity without golden files: wanted FILE_OR_DIR..., see --help`);
    }
    const tolerance = toleranceNamed(line.text("tolerance"));
    const families = line.text("families")?.split(",").map((name) => name.trim());
    const files = await findGoldens(line.positional);
    const name = line.text("device") ?? "auto";
    const { kind, reason } = await chooseDevice(name, deviceOptions(line));
    if (!line.has("json")) say(`device: ${kind} (${reason})\n`);
    using device = await openDevice(kind, deviceOptions(line));
    const report = await runParity(device, files, { tolerance, families });
    say(line.has("json") ? jsonReport(report) : formatReport(report, line.has("verbose")));
    return report.passed ? 0 : 1;
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
