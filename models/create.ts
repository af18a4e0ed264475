import { type EcDitConfig, type TcDitConfig, validateEcDit, validateTcDit } from "./choice/config.ts";
import { EcDit } from "./choice/ecdit.ts";
import { TcDit } from "./choice/tcdit.ts";
import type { ForwardFlops } from "./counts.ts";
import { type DiffMoeConfig, validateDiffMoe } from "./diffmoe/config.ts";
import { DiffMoe } from "./diffmoe/diffmoe.ts";
import { type DitConfig, validateDit } from "./dit/config.ts";
import { forwardFlops as ditFlops } from "./dit/counts.ts";
import { Dit } from "./dit/dit.ts";
import { type DsmoeConfig, validateDsmoe } from "./dsmoe/config.ts";
import { forwardFlops as dsmoeFlops } from "./dsmoe/counts.ts";
import { Dsmoe } from "./dsmoe/dsmoe.ts";
import { type JitConfig, type JitMoeConfig, validateJit } from "./jit/config.ts";
import { forwardFlops as jitFlops } from "./jit/counts.ts";
import { Jit } from "./jit/jit.ts";
import type { DiffusionModel } from "./model.ts";

/** The configuration of any model; `family` says which. */
export type ModelConfig =
  | DsmoeConfig
  | JitConfig
  | JitMoeConfig
  | DiffMoeConfig
  | DitConfig
  | TcDitConfig
  | EcDitConfig;

/** Checks a family's configuration, builds its network, and counts its work. */
interface Family<C> {
  validate(config: C): void;
  create(config: C): DiffusionModel;
  flops(config: C): ForwardFlops;
}

/** Every family of models: one line each. */
const FAMILIES: { readonly [F in ModelConfig["family"]]: Family<Extract<ModelConfig, { family: F }>> } = {
  dsmoe: { validate: validateDsmoe, create: (config) => new Dsmoe(config), flops: dsmoeFlops },
  jit: { validate: validateJit, create: (config) => new Jit(config), flops: jitFlops },
  jitmoe: { validate: validateJit, create: (config) => new Jit(config), flops: jitFlops },
  diffmoe: { validate: validateDiffMoe, create: (config) => new DiffMoe(config), flops: ditFlops },
  dit: { validate: validateDit, create: (config) => new Dit(config), flops: ditFlops },
  tcdit: { validate: validateTcDit, create: (config) => new TcDit(config), flops: ditFlops },
  ecdit: { validate: validateEcDit, create: (config) => new EcDit(config), flops: ditFlops },
};

/** The family's entry takes this very configuration, which the type of the table cannot say. */
function familyOf(config: ModelConfig): Family<ModelConfig> {
  return FAMILIES[config.family] as Family<ModelConfig>;
}

/** Names of the families. */
export const FAMILY_NAMES: readonly string[] = Object.keys(FAMILIES);

/**
 * Checks ranges and relations of a configuration's fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateModel(config: ModelConfig): void {
  familyOf(config).validate(config);
}

/**
 * Builds the network of a configuration. Its parameters are declared, not yet in memory.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function createModel(config: ModelConfig): DiffusionModel {
  return familyOf(config).create(config);
}

/** Operations of one image's forward pass, by formula. */
export function forwardFlops(config: ModelConfig): ForwardFlops {
  return familyOf(config).flops(config);
}
