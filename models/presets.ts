import { ConfigError } from "../engine/core/errors.ts";
import type { ModelConfig } from "./create.ts";
import * as dsmoe from "./dsmoe/presets.ts";

/** Every preset by the name that `--preset` takes. */
export const PRESETS: Readonly<Record<string, ModelConfig>> = {
  "dsmoe-nano": dsmoe.DSMOE_NANO,
  "dsmoe-s-e16": dsmoe.DSMOE_S_E16,
  "dsmoe-s-e48": dsmoe.DSMOE_S_E48,
  "dsmoe-b-e16": dsmoe.DSMOE_B_E16,
  "dsmoe-b-e48": dsmoe.DSMOE_B_E48,
  "dsmoe-l-e16": dsmoe.DSMOE_L_E16,
  "dsmoe-l-e48": dsmoe.DSMOE_L_E48,
  "dsmoe-3b-e16": dsmoe.DSMOE_3B_E16,
};

/**
 * A preset by name; case does not matter.
 *
 * @throws {ConfigError} listing the names
 */
export function presetNamed(name: string): ModelConfig {
  const key = name.toLowerCase();
  if (Object.hasOwn(PRESETS, key)) return PRESETS[key];
  throw new ConfigError(`Cannot find preset "${name}": wanted one of ${Object.keys(PRESETS).join(", ")}`);
}
