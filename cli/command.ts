import { parseArgs } from "@std/cli";
import {
  CheckpointError,
  ConfigError,
  DataError,
  DeviceError,
  DTypeError,
  NonFiniteError,
  ShapeError,
} from "../engine/core/errors.ts";

/** One option of a command. Without `value` it is a switch. */
export interface Flag {
  readonly name: string;
  /** What stands for the value in the help, as in `FILE`. */
  readonly value?: string;
  /** The value that the bare option has; without it a value is required. */
  readonly bare?: string;
  readonly help: string;
}

/** A command: what `--help` prints and what the parser accepts. */
export interface Command {
  /** As typed after `deno task`. */
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments, for the usage line; none are accepted unless given. */
  readonly positional?: string;
  readonly flags: readonly Flag[];
  /** Whether dotted options (`--model.depth=4`) are accepted. */
  readonly overrides?: boolean;
}

/** The parsed command line. */
export interface CommandLine {
  readonly positional: readonly string[];
  /** Dotted options, without the dashes. */
  readonly overrides: Readonly<Record<string, string>>;
  /** A text option; undefined if absent. */
  text(name: string): string | undefined;
  /** Whether a switch is on. */
  has(name: string): boolean;
  /**
   * A numeric option.
   *
   * @throws {ConfigError} when it is not a number of at least `least`, or not whole where `whole` is set
   */
  number(name: string, least: number, whole?: boolean): number | undefined;
}

const HELP: Flag = { name: "help", help: "print this" };

/** The text that `--help` prints. */
export function helpOf(command: Command): string {
  const flags = [...command.flags, HELP];
  const left = flags.map(({ name, value, bare }) =>
    `--${name}${value === undefined ? "" : bare === undefined ? ` ${value}` : `[=${value}]`}`
  );
  const width = Math.max(...left.map((text) => text.length));
  const usage = ["deno task", command.name, command.positional ?? "", "[options]"].filter((part) =>
    part !== ""
  );
  return [
    command.summary,
    "",
    `Usage: ${usage.join(" ")}`,
    "",
    ...flags.map(({ help }, i) => `  ${left[i].padEnd(width)}  ${help}`),
    ...command.overrides
      ? ["", "Any field of the configuration is an option too: --model.depth=6 --optim.lr=3e-4"]
      : [],
  ].join("\n");
}

/**
 * Parses a command line.
 *
 * @throws {ConfigError} for an option that the command does not have, or a value that is missing
 */
export function parseCommandLine(command: Command, args: readonly string[]): CommandLine {
  const names = (wanted: boolean) =>
    [...command.flags, HELP].filter(({ value }) => (value !== undefined) === wanted).map(({ name }) => name);
  const overrides: Record<string, string> = {};
  const bare = new Map(
    command.flags.flatMap(({ name, bare }) => bare === undefined ? [] : [[`--${name}`, bare]]),
  );
  const parsed = parseArgs(args.map((arg) => bare.has(arg) ? `${arg}=${bare.get(arg)}` : arg), {
    string: names(true),
    boolean: names(false),
    unknown(arg, key, value) {
      if (key === undefined) return true;
      if (!command.overrides || !key.includes(".")) throw unknownOption(command, arg);
      // A bare option and one with a separate "true" both arrive as true.
      const bare = value === true && args[args.indexOf(arg) + 1] !== "true";
      return overrides[dottedName(arg, bare ? "" : value)] = String(value), false;
    },
  });
  const positional = parsed._.map(String);
  if (positional.length > 0 && command.positional === undefined) {
    throw new ConfigError(`Cannot use "${positional[0]}": ${command.name} takes options only, see --help`);
  }
  const values = parsed as Record<string, unknown>;
  return lineOf(values, positional, overrides);
}

function dottedName(arg: string, value: unknown): string {
  const name = arg.replace(/^--/, "").replace(/=.*$/s, "");
  if (value === undefined || value === "") {
    throw new ConfigError(`Cannot use --${name}: a value is missing, as in --${name}=1`);
  }
  return name;
}

function unknownOption(command: Command, arg: string): ConfigError {
  const options = [...command.flags, HELP].map(({ name }) => `--${name}`).join(", ");
  return new ConfigError(`Unknown option ${arg.replace(/=.*$/s, "")}: ${command.name} has ${options}`);
}

function lineOf(
  values: Record<string, unknown>,
  positional: readonly string[],
  overrides: Readonly<Record<string, string>>,
): CommandLine {
  const text = (name: string): string | undefined => {
    const value = values[name];
    if (value === "") throw new ConfigError(`Cannot use --${name}: a value is missing`);
    return typeof value === "string" ? value : undefined;
  };
  return {
    positional,
    overrides,
    text,
    has: (name) => values[name] === true,
    number(name, least, whole = false) {
      const given = text(name);
      if (given === undefined) return undefined;
      const value = Number(given);
      if (!Number.isFinite(value) || value < least || (whole && !Number.isInteger(value))) {
        throw new ConfigError(
          `Cannot use --${name} ${given}: wanted a ${whole ? "whole " : ""}number of at least ${least}`,
        );
      }
      return value;
    },
  };
}

const USER_ERRORS = [
  ShapeError,
  DTypeError,
  DeviceError,
  CheckpointError,
  ConfigError,
  NonFiniteError,
  DataError,
  RangeError,
  Deno.errors.NotFound,
  Deno.errors.AlreadyExists,
  Deno.errors.PermissionDenied,
  Deno.errors.NotCapable,
];

/** Whether `error` is one that a command reports in one line, with no stack trace. */
export function isUserError(error: unknown): error is Error {
  return USER_ERRORS.some((kind) => error instanceof kind);
}

/** Prints a line for people. */
export function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/**
 * Runs a command to its exit code: 0, or 1 after printing a user's mistake as one line. Anything else is a defect
 * of ours and keeps its stack trace.
 */
export async function runCommand(
  command: Command,
  args: readonly string[],
  body: (line: CommandLine) => Promise<number | void>,
): Promise<number> {
  try {
    const line = parseCommandLine(command, args);
    if (line.has("help")) {
      say(helpOf(command));
      return 0;
    }
    return await body(line) ?? 0;
  } catch (error) {
    if (!isUserError(error)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(`error: ${error.message.replaceAll("\n", " ")}\n`));
    return 1;
  }
}
