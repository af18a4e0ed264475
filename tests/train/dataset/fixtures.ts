import { dirname, join } from "@std/path";
import { encodePng } from "../../../eval/mod.ts";

/** Runs `body` in a folder that is removed afterwards. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a PNG of one opaque colour, making the folders above it. */
export async function writePng(
  path: string,
  color: readonly [number, number, number],
  size = 8,
): Promise<void> {
  const rgba = Uint8Array.from({ length: size * size * 4 }, (_, i) => i % 4 === 3 ? 255 : color[i % 4]);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, encodePng({ width: size, height: size, rgba }));
}

/**
 * Writes classes of PNG files whose colour is `[label, index, 200]`, and returns the folder that holds them.
 */
export async function writeClasses(
  folder: string,
  counts: Readonly<Record<string, number>>,
): Promise<string> {
  const root = join(folder, "pictures");
  for (const [label, [name, count]] of Object.entries(counts).entries()) {
    for (let i = 0; i < count; i++) await writePng(join(root, name, `${i}.png`), [label, i, 200]);
  }
  return root;
}

/** Cuts a file in half. */
export async function truncate(path: string): Promise<void> {
  const { size } = await Deno.stat(path);
  await Deno.truncate(path, Math.floor(size / 2));
}
