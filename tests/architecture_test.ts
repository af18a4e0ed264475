/**
 * Holds the layout of DESIGN: which folder may import which, how long a file may be, what a kernel consists of.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { say } from "../cli/command.ts";
import type { AnySuite, Limits } from "../engine/kernel.ts";
import { addressOf, filesBelow, kernelFolders, lineCount, textOf } from "./source_tree.ts";

const LONGEST_FILE = 400;
const WANTED_FILE = 300;
const LONGEST_FUNCTION = 40;
const LONGEST_SHADER_COMMENT = 12;

/** What each folder may import: prefixes of paths in the repository, and of package names. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "engine": ["engine/", "node:", "@std/"],
  "kernels": ["engine/", "kernels/"],
  "models": ["engine/", "kernels/", "models/"],
  "cli": ["cli/", "engine/core/", "@std/"],
  "train": ["engine/", "kernels/", "models/", "train/", "cli/", "eval/mod.ts"],
  "eval": ["engine/", "kernels/", "models/", "eval/", "cli/"],
  "bench": ["engine/", "kernels/", "models/", "train/", "bench/", "cli/"],
  "docs": ["engine/", "kernels/", "models/", "train/", "eval/", "cli/", "@std/"],
  "std": ["std/", "node:"],
  "mod.ts": ["engine/mod.ts", "kernels/mod.ts", "models/mod.ts", "train/mod.ts", "eval/mod.ts"],
};

/** Packages that are not the engine's business. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  "engine": /^(?:@huggingface\/hub|@zip\.js\/)/,
  "train": /^(?:@std\/|node:|fastest-levenshtein|js-yaml|pica)/,
  "eval": /^(?:@std\/|node:|@resvg\/|@zip\.js\/|dejavu-fonts-ttf|echarts|ml-matrix|pngjs)/,
};

/**
 * Parity runs the reference's optimizer trajectories and rates, and holds those of `train` against them. Images are read,
 * cut and resized for evaluation as they are for training, and a report names the version of the project.
 */
const EXCEPTIONS: readonly { from: RegExp; to: string }[] = [
  { from: /^eval\/(?:evaluate|images)\//, to: "train/dataset/mod.ts" },
  { from: /^eval\/evaluate\/report\.ts$/, to: "deno.json" },
  { from: /^eval\/parity\//, to: "train/optimizer.ts" },
  { from: /^eval\/parity\//, to: "train/schedule.ts" },
];

const sources = filesBelow().filter((path) => path.endsWith(".ts"));

function importsOf(path: string): string[] {
  const text = textOf(path);
  const found = [
    ...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"/gm),
    ...text.matchAll(/^import\s+"([^"]+)"/gm),
    ...text.matchAll(/\bimport\(\s*"([^"]+)"/g),
    ...text.matchAll(/\bnew URL\("([^"]+\.ts)", import\.meta\.url\)/g),
  ];
  return found.map(([, target]) =>
    target.startsWith(".") ? new URL(target, `file:///${path}`).pathname.slice(1) : target
  );
}

function mayImport(path: string, target: string): boolean {
  const folder = path.split("/")[0];
  return MAY_IMPORT[folder].some((prefix) => target.startsWith(prefix)) ||
    (PACKAGES[folder]?.test(target) ?? false) ||
    EXCEPTIONS.some(({ from, to }) => from.test(path) && target === to);
}

Deno.test("imports run one way: engine, kernels, models, then train and eval", () => {
  const wrong = sources.filter((path) => !path.startsWith("tests/")).flatMap((path) =>
    importsOf(path).filter((target) => !mayImport(path, target)).map((target) => `${path} imports ${target}`)
  );
  assertEquals(wrong, []);
});

Deno.test("every exception to the import rule is in use", () => {
  const unused = EXCEPTIONS.filter(({ from, to }) =>
    !sources.some((path) => from.test(path) && importsOf(path).includes(to))
  );
  assertEquals(unused, []);
});

Deno.test(`no file is longer than ${LONGEST_FILE} lines`, () => {
  const written = filesBelow().filter((path) => /\.(?:ts|wgsl|md)$/.test(path));
  const lengths = written.map((path) => ({ path, lines: lineCount(textOf(path)) }));
  for (const { path, lines } of lengths.filter(({ lines }) => lines > WANTED_FILE)) {
    say(`${path} has ${lines} lines, more than the ${WANTED_FILE} that are wanted`);
  }
  assertEquals(lengths.filter(({ lines }) => lines > LONGEST_FILE), []);
});

/** Functions and methods by their opening lines, as `deno fmt` lays them out, with their lengths. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split("\n");
  const opening =
    /^( {0,4})(?!(?:if|for|while|switch|return|await|new)\b)[\w #*]*?([#\w]+|\[[\w.]+\])(?:<.*>)?\(/;
  return lines.flatMap((line, start) => {
    const [, indent, name] = line.match(opening) ?? [];
    if (indent === undefined) return [];
    const closes = new RegExp(`^${indent}\\S`);
    let end = start + 1;
    while (end < lines.length && !(closes.test(lines[end]) && !/\{$/.test(lines[end]))) end++;
    return /^ *\},?$/.test(lines[end] ?? "") ? [{ name, lines: end - start + 1 }] : [];
  });
}

Deno.test(`no function is longer than ${LONGEST_FUNCTION} lines`, () => {
  const long = sources.filter((path) => !path.startsWith("tests/")).flatMap((path) =>
    functionsOf(textOf(path)).filter(({ lines }) => lines > LONGEST_FUNCTION)
      .map(({ name, lines }) => `${path}: ${name} has ${lines} lines`)
  );
  assertEquals(long, []);
});

Deno.test("`functionsOf()` finds functions and methods, and nothing else", () => {
  const text = `export function a(
  x: number,
): number {
  call({
    y: 1,
  });
  if (x) {
    return 2;
  }
}

const b = {
  async c<T>(x: T) {
    return x;
  },
};
`;
  assertEquals(functionsOf(text), [{ name: "a", lines: 10 }, { name: "c", lines: 3 }]);
});

Deno.test("every kernel folder holds card, definition, cases and reference", async () => {
  const files = new Set(filesBelow("kernels/"));
  const missing: string[] = [];
  for (const folder of kernelFolders()) {
    const wanted = ["README.md", "mod.ts", "cases.ts"];
    const suites = files.has(`${folder}/cases.ts`) ? await suitesOf(folder) : [];
    if (!suites.every(({ kernel }) => kernel.alias)) wanted.push("reference.ts");
    missing.push(...wanted.map((name) => `${folder}/${name}`).filter((path) => !files.has(path)));
  }
  if (!files.has("kernels/moe/README.md")) missing.push("kernels/moe/README.md");
  assertEquals(missing, []);
});

async function suitesOf(folder: string): Promise<readonly AnySuite[]> {
  return (await import(addressOf(`${folder}/cases.ts`))).suites;
}

/** The least that WebGPU promises on any adapter. */
const LEAST_LIMITS: Limits = {
  maxComputeWorkgroupsPerDimension: 65_535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16_384,
  maxStorageBufferBindingSize: 128 << 20,
  maxStorageBuffersPerShaderStage: 8,
};

Deno.test("every kernel has code for every device", async () => {
  const missing: string[] = [];
  for (const folder of kernelFolders()) {
    for (const { kernel, cases: [{ inputs, attrs }] } of await suitesOf(folder)) {
      if (kernel.alias) continue;
      const calls = kernel.cpu?.(inputs, attrs).calls ?? [];
      if (calls.length === 0) missing.push(`${folder}: ${kernel.name} on cpu`);
      const { launches } = kernel.webgpu(inputs, attrs, LEAST_LIMITS);
      const shaders = launches.filter(({ source }) => source.includes("@compute"));
      if (shaders.length === 0) missing.push(`${folder}: ${kernel.name} on webgpu`);
    }
  }
  assertEquals(missing, []);
});

Deno.test("`kernels/mod.ts` exports every kernel folder in one line", () => {
  const lines = [...textOf("kernels/mod.ts").matchAll(/^export \* from "\.\/(.*)\/mod\.ts";$/gm)];
  assertEquals(lines.map(([, folder]) => `kernels/${folder}`), kernelFolders());
});

Deno.test(`every shader opens with a comment of at most ${LONGEST_SHADER_COMMENT} lines`, () => {
  const wrong = filesBelow().filter((path) => path.endsWith(".wgsl")).flatMap((path) => {
    const lines = textOf(path).split("\n");
    const comment = lines.findIndex((line) => !line.startsWith("//"));
    return comment >= 1 && comment <= LONGEST_SHADER_COMMENT ? [] : [`${path}: ${comment} lines`];
  });
  assertEquals(wrong, []);
});

Deno.test("nothing is left to be done later", () => {
  const mark = new RegExp(["TO", "DO|FIX", "ME|X", "XX"].join(""));
  const written = filesBelow().filter((path) => /\.(?:ts|wgsl|md|json)$/.test(path));
  assertEquals(written.filter((path) => mark.test(textOf(path))), []);
});

Deno.test("no task asks for all permissions", () => {
  const { tasks } = JSON.parse(textOf("deno.json")) as {
    tasks: Record<string, string | { command: string }>;
  };
  const commands = Object.entries(tasks).map(([name, task]) => ({
    name,
    command: typeof task === "string" ? task : task.command,
  }));
  const all = /(?:^|\s)(?:-\w*A\w*|--allow-all)(?:\s|$)/;
  assertEquals(commands.filter(({ command }) => all.test(command)), []);
  assertEquals(all.test(textOf(".ci/run")), false);
});
