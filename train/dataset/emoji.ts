import { fromFileUrl } from "@std/path";
import { byCodeUnit, dataError, type ImageFile, type ImageSource } from "./source.ts";

const PACKAGE = "emoji-datasource-google@16.0.0";

/**
 * The emoji classes in the order of their labels, which is the order of Unicode's emoji charts. The package's
 * tenth category, "Component", is left out: it holds only the five skin-tone swatches.
 */
export const EMOJI_CLASS_NAMES: readonly string[] = [
  "Smileys & Emotion",
  "People & Body",
  "Animals & Nature",
  "Food & Drink",
  "Travel & Places",
  "Activities",
  "Objects",
  "Symbols",
  "Flags",
];

interface EmojiImage {
  readonly image: string;
  readonly has_img_google: boolean;
}

interface EmojiRecord extends EmojiImage {
  readonly category: string;
  readonly skin_variations?: Readonly<Record<string, EmojiImage>>;
}

/**
 * Google's Noto emoji: 3,781 PNG files of 64 x 64 with alpha in nine classes, from the npm package
 * `emoji-datasource-google`. The package is fetched into Deno's cache at the first use; nothing is fetched by
 * a program that never asks for it.
 *
 * @throws {DataError} when the package is neither cached nor can be fetched
 */
export async function emojiSource(): Promise<ImageSource> {
  // A specifier that the compiler cannot see: otherwise every program would fetch the package before it
  // starts.
  const index = `npm:${PACKAGE}/emoji.json`;
  const records = await importRecords(index);
  const folder = new URL("./img/google/64/", import.meta.resolve(index));
  return {
    name: "emoji",
    licence: "images Apache-2.0 (Noto Emoji, Google), package MIT (emoji-data, Cal Henderson)",
    location: `npm:${PACKAGE}`,
    classNames: EMOJI_CLASS_NAMES,
    files: listFiles(records, folder),
  };
}

async function importRecords(specifier: string): Promise<readonly EmojiRecord[]> {
  try {
    return (await import(specifier, { with: { type: "json" } })).default;
  } catch (error) {
    throw dataError(
      `Cannot fetch the emoji images, which needs the network once (or give a folder of your own images)`,
      error,
    );
  }
}

function listFiles(records: readonly EmojiRecord[], folder: URL): ImageFile[] {
  const files = records.flatMap((record) => {
    const label = EMOJI_CLASS_NAMES.indexOf(record.category);
    if (label < 0) return [];
    return [record, ...Object.values(record.skin_variations ?? {})]
      .filter((variant) => variant.has_img_google)
      .map(({ image }) => ({
        path: fromFileUrl(new URL(image, folder)),
        name: image,
        label,
        stamp: PACKAGE,
      }));
  });
  return files.sort((a, b) => a.label - b.label || byCodeUnit(a.name, b.name));
}
