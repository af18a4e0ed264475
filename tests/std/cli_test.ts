import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("`parseArgs()` types and fills declared flags", () => {
  const args = parseArgs(["--out", "a.png", "--steps=50", "--eager", "in.txt", "7"], {
    string: ["out", "cfg"],
    boolean: ["eager", "profile"],
    default: { cfg: "1.5" },
  });
  const out: string | undefined = args.out;
  const eager: boolean = args.eager;
  const cfg: string = args.cfg;
  assertEquals([out, eager, args.profile, cfg, args.steps], ["a.png", true, false, "1.5", 50]);
  assertEquals(args._, ["in.txt", 7]);
});

Deno.test("`parseArgs()` keeps a declared string that looks like a number", () => {
  const args = parseArgs(["--seed", "007", "--other", "007"], { string: ["seed"] });
  assertEquals(args.seed, "007");
  assertEquals(args.other, 7);
});

Deno.test("`parseArgs()` collects repeated flags, and gives an empty array when there are none", () => {
  const options = { string: ["file"], collect: ["file"] } as const;
  const files: string[] = parseArgs(["--file=a", "--file", "b"], options).file;
  assertEquals(files, ["a", "b"]);
  assertEquals(parseArgs([], options).file, []);
});

Deno.test("`parseArgs()` stores a value under every alias", () => {
  const args = parseArgs(["-h", "-o", "x"], {
    boolean: ["help"],
    string: ["out"],
    alias: { help: "h", out: "o" },
  });
  assertEquals([args.help, args.h, args.out, args.o], [true, true, "x", "x"]);
});

Deno.test("`parseArgs()` negates only flags that may be negated", () => {
  const args = parseArgs(["--no-ema", "--no-color"], {
    boolean: ["ema"],
    negatable: ["ema"],
    default: { ema: true },
  });
  assertEquals([args.ema, args["no-color"]], [false, true]);
});

Deno.test("`parseArgs()` hands unknown arguments to the callback and drops them when it returns false", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--model.depth=4", "--preset", "nano", "stray"], {
    string: ["preset"],
    unknown: (arg, key, value) => {
      seen.push([arg, key, value]);
      return false;
    },
  });
  assertEquals(seen, [["--model.depth=4", "model.depth", "4"], ["stray", undefined, undefined]]);
  assertEquals(args, { preset: "nano", _: [] } as unknown as typeof args);
});

Deno.test("`parseArgs()` nests dotted flags and splits at `--`", () => {
  const args = parseArgs(["--model.depth=4", "--", "--raw"], { "--": true });
  assertEquals(args.model, { depth: 4 });
  assertEquals(args["--"], ["--raw"]);
});
