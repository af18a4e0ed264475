import {
  type DitModelConfig,
  type DitMoeConfig,
  tokensOfExpert,
  validateDit,
  validateDitMoe,
} from "../dit/config.ts";
import { wants } from "../fields.ts";

/** The experts of a token-choice DiT; `capacity` is the number of experts of every token. */
export interface TokenChoiceConfig extends DitMoeConfig {
  /** Weight of the auxiliary balance loss; 0 for none. */
  readonly aux_loss_alpha: number;
}

/** A DiT in which tokens choose experts. */
export interface TcDitConfig {
  /** Tells the families apart in files. */
  readonly family: "tcdit";
  /** The network. */
  readonly model: DitModelConfig;
  /** Its experts. */
  readonly moe: TokenChoiceConfig;
}

/** A DiT in which experts choose tokens, in each image for itself. */
export interface EcDitConfig {
  /** Tells the families apart in files. */
  readonly family: "ecdit";
  /** The network. */
  readonly model: DitModelConfig;
  /** Its experts. */
  readonly moe: DitMoeConfig;
}

/**
 * Checks ranges and relations of the fields of a token-choice DiT.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateTcDit({ model, moe }: TcDitConfig): void {
  validateDit({ model });
  validateDitMoe(moe);
  wants(Number.isInteger(moe.capacity), "moe.capacity", moe.capacity, "a whole number of experts");
  wants(moe.aux_loss_alpha >= 0, "moe.aux_loss_alpha", moe.aux_loss_alpha, "0 or more");
}

/**
 * Checks ranges and relations of the fields of an expert-choice DiT.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateEcDit({ model, moe }: EcDitConfig): void {
  validateDit({ model });
  validateDitMoe(moe);
  const tokens = (model.input_size / model.patch_size) ** 2;
  const wanted = `more: of an image's ${tokens} tokens none is left for each of ${moe.num_experts} experts`;
  wants(tokensOfExpert(tokens, moe) >= 1, "moe.capacity", moe.capacity, wanted);
}
