import { dirname } from "@std/path";
import { CheckpointError } from "../core/errors.ts";

const writing = new Set<string>();

/**
 * Replaces a file in one atomic step: `write` fills `<path>.tmp`, which is flushed to the disk and then renamed. A file
 * that was at `path` stays whole until it is replaced, whenever the process is stopped. Where writing fails, the
 * temporary file is removed; one that a killed process left is overwritten.
 *
 * @throws {CheckpointError} when the file cannot be written or is being written already; what `write` throws passes
 *   through
 */
export async function replaceFile(
  path: string,
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  if (writing.has(path)) throw new CheckpointError(`Cannot write ${path}: it is being written already`);
  writing.add(path);
  try {
    await writeAndRename(path, write);
  } finally {
    writing.delete(path);
  }
}

async function writeAndRename(
  path: string,
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await attempt(path, () => Deno.open(temporary, { write: true, create: true, truncate: true }));
  try {
    try {
      await write((bytes) => writeAll(path, file, bytes));
      await attempt(path, () => file.sync());
    } finally {
      file.close();
    }
    await attempt(path, () => Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await attempt(path, () => syncFolder(dirname(path)));
}

// A rename is on the disk only when its folder is.
async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using handle = await Deno.open(folder);
  await handle.sync();
}

async function writeAll(path: string, file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await attempt(path, () => file.write(bytes.subarray(written)));
  }
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new CheckpointError(`Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
