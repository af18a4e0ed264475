import { dirname, join } from "@std/path";
import { CheckpointError } from "../core/errors.ts";
import { replaceFile } from "./atomic_file.ts";

/** Where files of the Hugging Face hub are kept, and how they are fetched. */
export interface HubOptions {
  /** Folder of fetched files; `.cache/hub` in the working folder unless given. */
  readonly cacheFolder?: string;
  /** Stands in for the global `fetch`. */
  readonly fetch?: typeof fetch;
}

const SCHEME = "hub:";

/** Whether a checkpoint's path names a file of the hub. */
export function isHubPath(path: string): boolean {
  return path.startsWith(SCHEME);
}

/**
 * Fetches `hub:OWNER/REPO/FILE` (FILE may be in folders, and end in `@REVISION`) unless it was fetched before, and gives
 * its path on this machine. A file that is here is not asked for again.
 *
 * @throws {CheckpointError} when the name is not of this form, the hub cannot be reached, or has no such file
 */
export async function fetchFromHub(name: string, options: HubOptions = {}): Promise<string> {
  const { repo, path, revision } = partsOf(name);
  const target = join(options.cacheFolder ?? ".cache/hub", repo, revision, path);
  if (await exists(target)) return target;
  const blob = await downloadOf(name, { repo, path, revision }, options);
  if (!blob) throw new CheckpointError(`Cannot fetch ${name}: ${repo} has no such file`);
  await Deno.mkdir(dirname(target), { recursive: true });
  await replaceFile(target, async (append) => {
    let received = 0;
    try {
      for await (const bytes of blob.stream()) {
        received += bytes.length;
        await append(bytes);
      }
    } catch (cause) {
      throw refusal(name, cause);
    }
    if (received !== blob.size) {
      throw new CheckpointError(`Cannot fetch ${name}: ${received} of ${blob.size} bytes arrived`);
    }
  });
  return target;
}

interface Parts {
  readonly repo: string;
  readonly path: string;
  readonly revision: string;
}

function partsOf(name: string): Parts {
  const match = /^hub:([^/@]+\/[^/@]+)\/([^@]+)(?:@([^@]+))?$/.exec(name);
  const [repo, path, revision] = match ? [match[1], match[2], match[3] ?? "main"] : ["", "", ""];
  // Each part becomes a folder of the cache, so that none may lead out of it.
  const safe = [...repo.split("/"), ...path.split("/"), revision].every((part) =>
    /^[\w.-]+$/.test(part) && !/^\.+$/.test(part)
  );
  if (!match || !safe) {
    throw new CheckpointError(
      `Cannot fetch ${name}: wanted hub:OWNER/REPO/FILE, with @REVISION behind it if need be`,
    );
  }
  return { repo, path, revision };
}

async function downloadOf(name: string, parts: Parts, { fetch }: HubOptions): Promise<Blob | null> {
  try {
    const { downloadFile } = await import("@huggingface/hub");
    // One plain stream: what is fetched here is read once, from its first byte to its last.
    return await downloadFile({ ...parts, xet: false, ...fetch && { fetch } });
  } catch (cause) {
    throw refusal(name, cause);
  }
}

function refusal(name: string, cause: unknown): Error {
  if (cause instanceof CheckpointError) return cause;
  const error = cause as Error;
  const message = error.cause instanceof Error ? error.cause.message : error.message;
  const { statusCode } = cause as { statusCode?: number };
  const defect = cause instanceof Deno.errors.NotCapable
    ? "the network is not allowed, wanted --allow-net=huggingface.co,*.huggingface.co,*.hf.co"
    : statusCode !== undefined
    ? `huggingface.co answers with status ${statusCode}, there is no such repository or it is not public`
    : `huggingface.co cannot be reached (${message.replaceAll("\n", " ")})`;
  return new CheckpointError(`Cannot fetch ${name}: ${defect}`, { cause });
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
