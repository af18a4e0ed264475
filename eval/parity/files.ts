import { ConfigError } from "../../engine/core/errors.ts";

const EXTENSION = ".safetensors";

/**
 * Golden files by path: a file, a folder (its files, not those of folders inside), or a pattern with `*`, `?` or
 * `{a,b}` in the last part, with or without the extension: `../shared/parity/rope_*`.
 *
 * @returns paths in order, each once
 * @throws {ConfigError} for a path or pattern that stands for no golden file
 */
export async function findGoldens(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) found.push(...await expand(path));
  return [...new Set(found)];
}

async function expand(path: string): Promise<string[]> {
  const info = await statOf(path);
  if (info?.isFile) return [path];
  if (info?.isDirectory) {
    const all = await matching(path, /^/);
    if (all.length > 0) return all;
    throw new ConfigError(`Cannot find golden files in ${path}: it holds no ${EXTENSION} file`);
  }
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  const [folder, pattern] = [cut === 0 ? "." : path.slice(0, cut), path.slice(cut)];
  const files = (await statOf(folder))?.isDirectory ? await matching(folder, expressionOf(pattern)) : [];
  if (files.length > 0) return files;
  throw new ConfigError(`Cannot find golden files at ${path}: no file, folder or pattern matches`);
}

async function matching(folder: string, pattern: RegExp): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory && name.endsWith(EXTENSION) && pattern.test(name)) names.push(name);
  }
  const prefix = folder === "." || /[\\/]$/.test(folder) ? folder.replace(/^\.$/, "") : `${folder}/`;
  return names.sort().map((name) => prefix + name);
}

/** A shell pattern as a regular expression over whole names; the extension may be left out. */
function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/[\\^$+.()|[\]{}*?,]/g, (character) => {
    switch (character) {
      case "*":
        return ".*";
      case "?":
        return ".";
      case "{":
        return "(?:";
      case "}":
        return ")";
      case ",":
        return "|";
      default:
        return `\\${character}`;
    }
  });
  return new RegExp(`^(?:${source})(?:\\${EXTENSION})?$`);
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
