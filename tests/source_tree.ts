/** The repository. */
export const ROOT: URL = new URL("../", import.meta.url);

const HIDDEN = /^(?:\.(?!ci$)|node_modules$|runs$|coverage$)/;

/** Paths of all files below a folder of the repository, relative to the repository, sorted. */
export function filesBelow(folder = ""): string[] {
  const paths: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (HIDDEN.test(name)) continue;
    if (isDirectory) paths.push(...filesBelow(`${folder}${name}/`));
    else paths.push(`${folder}${name}`);
  }
  return paths.sort();
}

/** Text of a file, by its path in the repository. */
export function textOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** Number of lines of a text that ends with a newline. */
export function lineCount(text: string): number {
  return text.trimEnd().split("\n").length;
}

/** Folders below `kernels/` that hold a kernel: all that hold files, apart from what kernels share. */
export function kernelFolders(): string[] {
  const folders = filesBelow("kernels/").map((path) => path.slice(0, path.lastIndexOf("/")));
  return [...new Set(folders)].filter((folder) => !SHARED.includes(folder));
}

const SHARED: readonly string[] = ["kernels", "kernels/expression", "kernels/moe"];

/** Address of a file of the repository, for a dynamic import. */
export function addressOf(path: string): string {
  return new URL(path, ROOT).href;
}
