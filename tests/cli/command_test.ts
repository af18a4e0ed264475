import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Command,
  type CommandLine,
  helpOf,
  isUserError,
  parseCommandLine,
  runCommand,
} from "../../cli/command.ts";
import { ConfigError, ShapeError } from "../../engine/core/errors.ts";
import { captured } from "../output.ts";

const PLAIN: Command = {
  name: "demo",
  summary: "Show how options are read.",
  flags: [{ name: "steps", value: "N", help: "how many" }, { name: "fast", help: "hurry" }],
};
const WITH_OVERRIDES: Command = { ...PLAIN, overrides: true };

function refusal(
  command: Command,
  args: readonly string[],
  read: (line: CommandLine) => unknown = () => {},
): string {
  return assertThrows(() => read(parseCommandLine(command, args)), ConfigError).message;
}

Deno.test("`parseCommandLine()` reads text, number and switch options in both spellings", () => {
  for (const args of [["--steps", "12", "--fast"], ["--steps=12", "--fast"]]) {
    const line = parseCommandLine(PLAIN, args);
    assertEquals([line.text("steps"), line.number("steps", 1, true), line.has("fast")], ["12", 12, true]);
  }
  const line = parseCommandLine(PLAIN, []);
  assertEquals([line.text("steps"), line.number("steps", 1), line.has("fast")], [
    undefined,
    undefined,
    false,
  ]);
});

Deno.test("`parseCommandLine()` refuses an option that the command does not have, and lists those it has", () => {
  const wanted = "demo has --steps, --fast, --help";
  assertEquals(refusal(PLAIN, ["--stepz=4"]), `Unknown option --stepz: ${wanted}`);
  assertEquals(refusal(PLAIN, ["-s"]), `Unknown option -s: ${wanted}`);
  assertEquals(refusal(PLAIN, ["--no-fast"]), `Unknown option --no-fast: ${wanted}`);
  assertEquals(refusal(PLAIN, ["--model.depth=4"]), `Unknown option --model.depth: ${wanted}`);
  assertEquals(refusal(WITH_OVERRIDES, ["--depth=4"]), `Unknown option --depth: ${wanted}`);
});

Deno.test("`parseCommandLine()` takes an option with a bare value alone or after an equals sign only", () => {
  const command: Command = {
    ...PLAIN,
    flags: [{ name: "lib", value: "FILE", bare: "any", help: "" }, ...PLAIN.flags],
  };
  const lib = (...args: string[]) => parseCommandLine(command, args).text("lib");
  assertEquals(lib(), undefined);
  assertEquals(lib("--lib"), "any");
  assertEquals(lib("--lib", "--steps", "3"), "any");
  assertEquals(lib("--lib=/a/b.so"), "/a/b.so");
  assertThrows(() => lib("--lib", "/a/b.so"), ConfigError, 'Cannot use "/a/b.so"');
  assertStringIncludes(helpOf(command), "--lib[=FILE]");
});

Deno.test("`parseCommandLine()` refuses an option whose value is missing", () => {
  for (const args of [["--steps"], ["--steps="], ["--steps", "--fast"]]) {
    assertEquals(
      refusal(PLAIN, args, (line) => line.text("steps")),
      "Cannot use --steps: a value is missing",
    );
    assertEquals(
      refusal(PLAIN, args, (line) => line.number("steps", 1)),
      "Cannot use --steps: a value is missing",
    );
  }
});

Deno.test("`number()` refuses what is not a number, too small, or not whole", () => {
  const read = (whole: boolean) => (line: CommandLine) => line.number("steps", 1, whole);
  assertEquals(
    refusal(PLAIN, ["--steps=ten"], read(false)),
    "Cannot use --steps ten: wanted a number of at least 1",
  );
  assertEquals(
    refusal(PLAIN, ["--steps=0.5"], read(false)),
    "Cannot use --steps 0.5: wanted a number of at least 1",
  );
  assertEquals(
    refusal(PLAIN, ["--steps=-3"], read(false)),
    "Cannot use --steps -3: wanted a number of at least 1",
  );
  assertEquals(
    refusal(PLAIN, ["--steps=Infinity"], read(true)),
    "Cannot use --steps Infinity: wanted a whole number of at least 1",
  );
  assertEquals(
    refusal(PLAIN, ["--steps=1.5"], read(true)),
    "Cannot use --steps 1.5: wanted a whole number of at least 1",
  );
});

Deno.test("`parseCommandLine()` gathers dotted overrides as text", () => {
  const args = [
    "--model.depth=4",
    "--optim.lr",
    "3e-4",
    "--moe.interleave",
    "true",
    "--data.source=a=b",
    "--fast",
  ];
  const line = parseCommandLine(WITH_OVERRIDES, args);
  assertEquals(line.overrides, {
    "model.depth": "4",
    "optim.lr": "3e-4",
    "moe.interleave": "true",
    "data.source": "a=b",
  });
  assertEquals([line.has("fast"), line.positional], [true, []]);
});

Deno.test("`parseCommandLine()` refuses a dotted override without a value", () => {
  for (const args of [["--model.depth"], ["--model.depth="], ["--model.depth", "--fast"]]) {
    const wanted = "Cannot use --model.depth: a value is missing, as in --model.depth=1";
    assertEquals(refusal(WITH_OVERRIDES, args), wanted);
  }
});

Deno.test("`parseCommandLine()` takes positional arguments only where the command names them", () => {
  for (const args of [["7"], ["--fast", "7"], ["--", "7"]]) {
    assertEquals(refusal(PLAIN, args), 'Cannot use "7": demo takes options only, see --help');
  }
  const files = parseCommandLine({ ...PLAIN, positional: "FILE..." }, ["a.txt", "--steps", "2", "7"]);
  assertEquals([files.positional, files.text("steps")], [["a.txt", "7"], "2"]);
});

Deno.test("`helpOf()` lists the usage and every option in columns", () => {
  assertEquals(helpOf({ ...PLAIN, positional: "FILE..." }).split("\n"), [
    "Show how options are read.",
    "",
    "Usage: deno task demo FILE... [options]",
    "",
    "  --steps N  how many",
    "  --fast     hurry",
    "  --help     print this",
  ]);
  assertStringIncludes(helpOf(WITH_OVERRIDES), "--model.depth=6");
});

Deno.test("`runCommand()` prints the help and does not run when --help is given", async () => {
  let ran = false;
  const { value, out, err } = await captured(() =>
    runCommand(PLAIN, ["--help"], () => {
      ran = true;
      return Promise.resolve();
    })
  );
  assertEquals([value, out, err, ran], [0, `${helpOf(PLAIN)}\n`, "", false]);
});

Deno.test("`runCommand()` prints a user's mistake as one line and gives 1", async () => {
  const unknown = await captured(() => runCommand(PLAIN, ["--nope"], () => Promise.resolve()));
  assertEquals([unknown.value, unknown.out], [1, ""]);
  assertEquals(unknown.err, "error: Unknown option --nope: demo has --steps, --fast, --help\n");
  const thrown = await captured(() =>
    runCommand(PLAIN, [], () => Promise.reject(new ShapeError("Two\nlines")))
  );
  assertEquals([thrown.value, thrown.err], [1, "error: Two lines\n"]);
});

Deno.test("`runCommand()` gives the body's exit code, and 0 where it has none", async () => {
  assertEquals(await runCommand(PLAIN, [], () => Promise.resolve()), 0);
  assertEquals(await runCommand(PLAIN, ["--steps=3"], (line) => Promise.resolve(line.number("steps", 1))), 3);
});

Deno.test("`runCommand()` lets a defect of ours keep its stack trace", async () => {
  await assertRejects(
    () => runCommand(PLAIN, [], () => Promise.reject(new TypeError("x is undefined"))),
    TypeError,
  );
  assertEquals([isUserError(new TypeError("x")), isUserError(new ShapeError("x"))], [false, true]);
});
