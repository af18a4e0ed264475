import { ConfigError } from "../engine/core/errors.ts";
import type { GuidanceInterval } from "./sampler.ts";

/**
 * Reads `--interval A,B`.
 *
 * @throws {ConfigError} when it is not two numbers
 */
export function intervalOf(text: string | undefined): GuidanceInterval | undefined {
  if (text === undefined) return undefined;
  const ends = text.split(",").map((end) => end.trim() === "" ? NaN : Number(end));
  if (ends.length !== 2 || !ends.every(Number.isFinite)) {
    throw new ConfigError(`Cannot use --interval ${text}: wanted two times from 0 to 1, as in 0.1,1`);
  }
  return [ends[0], ends[1]];
}
