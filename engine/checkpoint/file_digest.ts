import { createHash } from "node:crypto";
import { CheckpointError } from "../core/errors.ts";

const CHUNK_BYTES = 1 << 20;

/**
 * SHA-256 of a file's bytes in lower-case hexadecimal digits; the file is read in pieces of 1 MiB.
 *
 * @throws {CheckpointError} when the file is missing or cannot be read
 */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK_BYTES);
  try {
    using file = await Deno.open(path);
    for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
      hash.update(chunk.subarray(0, count));
    }
  } catch (cause) {
    throw new CheckpointError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  return hash.digest("hex");
}
