import { type DsmoeConfig, validateDsmoe } from "./dsmoe/config.ts";
import { Dsmoe } from "./dsmoe/dsmoe.ts";
import type { DiffusionModel } from "./model.ts";

/** The configuration of any model; `family` says which. */
export type ModelConfig = DsmoeConfig;

/** Checks a family's configuration and builds its network. */
interface Family {
  validate(config: ModelConfig): void;
  create(config: ModelConfig): DiffusionModel;
}

/** Every family of models: one line each. */
const FAMILIES: Readonly<Record<ModelConfig["family"], Family>> = {
  dsmoe: { validate: validateDsmoe, create: (config) => new Dsmoe(config) },
};

/** Names of the families. */
export const FAMILY_NAMES: readonly string[] = Object.keys(FAMILIES);

/**
 * Checks ranges and relations of a configuration's fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateModel(config: ModelConfig): void {
  FAMILIES[config.family].validate(config);
}

/**
 * Builds the network of a configuration. Its parameters are declared, not yet in memory.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function createModel(config: ModelConfig): DiffusionModel {
  return FAMILIES[config.family].create(config);
}
