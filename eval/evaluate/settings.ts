import { ConfigError } from "../../engine/core/errors.ts";

/** Everything that decides the numbers of an evaluation, by the name of its option; files stand as SHA-256. */
export type Settings = Readonly<Record<string, string | number>>;

/**
 * Checks that an evaluation goes on as it began.
 *
 * @param folder where the earlier one is, for the error
 * @throws {ConfigError} naming the first setting that differs, and both values
 */
export function requireSameSettings(folder: string, wanted: Settings, found: Settings): void {
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (wanted[name] === found[name]) continue;
    throw new ConfigError(
      `Cannot go on with the evaluation in ${folder}: ${name} is ${
        wanted[name] ?? "not given"
      }, it was begun with ` +
        `${found[name] ?? "none"}; choose another --out, or add --restart to begin again`,
    );
  }
}
