import { ConfigError } from "../../engine/core/errors.ts";
import { createModel, type ModelConfig } from "../../models/create.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { diffMoeConfigOf, ditConfigOf, ecDitConfigOf, tcDitConfigOf } from "./dit_config.ts";
import { dsmoeConfigOf } from "./dsmoe_config.ts";
import type { Fields } from "./fields.ts";
import type { Golden } from "./golden.ts";
import { jitConfigOf } from "./jit_config.ts";

/** Readers of whole models' configurations, by family. */
const READERS: Readonly<Record<string, (config: Fields) => ModelConfig>> = {
  dsmoe: dsmoeConfigOf,
  jit: jitConfigOf,
  jitmoe: jitConfigOf,
  diffmoe: diffMoeConfigOf,
  dit: ditConfigOf,
  tcdit: tcDitConfigOf,
  ecdit: ecDitConfigOf,
};

/**
 * Builds the model of a golden file; its parameters have no memory yet.
 *
 * @throws {ConfigError} for a family or a switch that is not supported
 */
export function modelOf(golden: Golden): DiffusionModel {
  return createModel(modelConfigOf(golden));
}

/**
 * The configuration of a golden file's model, in this project's terms.
 *
 * @throws {ConfigError} for a family or a switch that is not supported
 */
export function modelConfigOf({ family, config }: Pick<Golden, "family" | "config">): ModelConfig {
  if (Object.hasOwn(READERS, family)) return READERS[family](config);
  throw new ConfigError(
    `Cannot build a model of family ${family}: wanted ${Object.keys(READERS).join(", ")}`,
  );
}
