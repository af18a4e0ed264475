import { CheckpointError } from "../core/errors.ts";

/** Where bytes come from: a file or memory. */
export interface ByteSource {
  /** Names the source in errors. */
  readonly path: string;
  /** Bytes in all. */
  readonly size: number;
  /** A copy of the bytes `[begin, end)`. */
  read(begin: number, end: number): Uint8Array<ArrayBuffer>;
  /** Releases the file. */
  close(): void;
}

class FileSource implements ByteSource {
  constructor(readonly path: string, readonly size: number, readonly file: Deno.FsFile) {}

  // Synchronous, so that two reads at once cannot move each other's position.
  read(begin: number, end: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(end - begin);
    this.file.seekSync(begin, Deno.SeekMode.Start);
    for (let filled = 0; filled < bytes.length;) {
      const count = this.file.readSync(bytes.subarray(filled));
      if (count === null) {
        throw new CheckpointError(
          `Cannot read ${this.path}: it ends at byte ${begin + filled}, ${end} bytes wanted`,
        );
      }
      filled += count;
    }
    return bytes;
  }

  close(): void {
    this.file.close();
  }
}

/**
 * Opens a file; nothing of it is read.
 *
 * @throws {CheckpointError} when it is missing, not readable or not a regular file
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    throw new CheckpointError(`Cannot open ${path}: ${(error as Error).message}`, { cause: error });
  }
  const { size, isFile } = await file.stat();
  if (!isFile) {
    file.close();
    throw new CheckpointError(`Cannot open ${path}: it is not a regular file`);
  }
  return new FileSource(path, size, file);
}

/** Bytes that are in memory already; `path` names them in errors. */
export function memorySource(bytes: Uint8Array, path: string): ByteSource {
  return {
    path,
    size: bytes.length,
    read: (begin, end) => new Uint8Array(bytes.subarray(begin, end)),
    close: () => {},
  };
}
