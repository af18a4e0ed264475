import { basename, join, resolve } from "@std/path";
import { DataError } from "../../engine/core/errors.ts";
import { byCodeUnit, dataError, type ImageFile, type ImageSource } from "./source.ts";

/**
 * A folder whose subfolders are the classes, each holding PNG files: `cats/1.png`, `dogs/1.png`. Classes and
 * files are sorted by name; names that start with a dot and files of other kinds are passed over.
 *
 * @throws {DataError} when the folder is missing, is a file, has no class, or has a class without PNG files
 */
export async function folderSource(directory: string): Promise<ImageSource> {
  const root = resolve(directory);
  await requireFolder(directory);
  const classNames = (await list(root, "folder")).sort(byCodeUnit);
  if (classNames.length === 0) {
    throw new DataError(
      `Cannot use "${directory}" as data: one subfolder of PNG files a class is wanted, got no subfolder`,
    );
  }
  const files = await Promise.all(classNames.map((name, label) => listClass(root, name, label)));
  return {
    name: basename(root),
    licence: "not stated",
    location: directory,
    classNames,
    files: files.flat(),
  };
}

async function requireFolder(directory: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(directory);
  } catch (error) {
    throw dataError(`Cannot use "${directory}" as data`, error);
  }
  if (!info.isDirectory) {
    throw new DataError(
      `Cannot use "${directory}" as data: a folder of class subfolders is wanted, got a file`,
    );
  }
}

async function list(folder: string, kind: "folder" | "file"): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.name.startsWith(".")) continue;
      const { isDirectory } = entry.isSymlink ? await Deno.stat(join(folder, entry.name)) : entry;
      if (isDirectory === (kind === "folder")) names.push(entry.name);
    }
  } catch (error) {
    throw dataError(`Cannot list "${folder}"`, error);
  }
  return names;
}

async function listClass(root: string, className: string, label: number): Promise<ImageFile[]> {
  const folder = join(root, className);
  const names = (await list(folder, "file")).filter((name) => /\.png$/i.test(name)).sort(byCodeUnit);
  if (names.length === 0) {
    throw new DataError(`Cannot use class "${className}" of "${root}": PNG files are wanted, got none`);
  }
  return await Promise.all(names.map(async (name) => {
    const path = join(folder, name);
    const { size, mtime } = await Deno.stat(path);
    return { path, name: `${className}/${name}`, label, stamp: `${size} ${mtime?.getTime() ?? 0}` };
  }));
}
