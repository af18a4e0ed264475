import { ConfigError } from "../engine/core/errors.ts";
import * as choice from "./choice/presets.ts";
import type { ModelConfig } from "./create.ts";
import * as diffmoe from "./diffmoe/presets.ts";
import * as dit from "./dit/presets.ts";
import * as dsmoe from "./dsmoe/presets.ts";
import * as jit from "./jit/presets.ts";

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
  "jit-nano": jit.JIT_NANO,
  "jit-b-16": jit.JIT_B_16,
  "jit-l-16": jit.JIT_L_16,
  "jit-h-16": jit.JIT_H_16,
  "jit-b-32": jit.JIT_B_32,
  "jit-l-32": jit.JIT_L_32,
  "jit-h-32": jit.JIT_H_32,
  "jitmoe-nano": jit.JITMOE_NANO,
  "jitmoe-b-16-e16": jit.JITMOE_B_16_E16,
  "jitmoe-l-16-e16": jit.JITMOE_L_16_E16,
  "jitmoe-h-16-e16": jit.JITMOE_H_16_E16,
  "diffmoe-nano": diffmoe.DIFFMOE_NANO,
  "diffmoe-s-e16": diffmoe.DIFFMOE_S_E16,
  "diffmoe-b-e16": diffmoe.DIFFMOE_B_E16,
  "diffmoe-l-e16": diffmoe.DIFFMOE_L_E16,
  "diffmoe-l-e8": diffmoe.DIFFMOE_L_E8,
  "dit-nano": dit.DIT_NANO,
  "dit-s-2": dit.DIT_S_2,
  "dit-b-2": dit.DIT_B_2,
  "dit-l-2": dit.DIT_L_2,
  "dit-xl-2": dit.DIT_XL_2,
  "tcdit-nano": choice.TCDIT_NANO,
  "tcdit-s-e16": choice.TCDIT_S_E16,
  "tcdit-b-e16": choice.TCDIT_B_E16,
  "tcdit-l-e16": choice.TCDIT_L_E16,
  "ecdit-nano": choice.ECDIT_NANO,
  "ecdit-s-e16": choice.ECDIT_S_E16,
  "ecdit-b-e16": choice.ECDIT_B_E16,
  "ecdit-l-e16": choice.ECDIT_L_E16,
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
