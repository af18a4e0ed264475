import type { ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Objective } from "../diffusion/objective.ts";
import { RECTIFIED_FLOW } from "../diffusion/rectified_flow.ts";
import { DENSE_LAYER } from "../dit/block.ts";
import { isRoutedBlock } from "../dit/config.ts";
import { DitTrunk } from "../dit/trunk.ts";
import type { DiffusionModel, ModelOutput, Probe, TrainingContext } from "../model.ts";
import { BatchPoolMoe } from "./batch_pool_moe.ts";
import { type DiffMoeConfig, validateDiffMoe } from "./config.ts";

/** DiffMoE: a DiT whose experts choose tokens from the whole batch (Shi et al., arXiv 2503.14487). */
export class DiffMoe implements DiffusionModel {
  readonly objective: Objective = RECTIFIED_FLOW;
  /** Experts choose among the tokens of all images. */
  readonly couplesBatch = true;
  readonly #trunk: DitTrunk;

  /** Declares the parameters; gives them no memory. */
  constructor(readonly config: DiffMoeConfig) {
    validateDiffMoe(config);
    this.#trunk = new DitTrunk(
      config.model,
      (i) => isRoutedBlock(config.moe, i) ? (scope) => new BatchPoolMoe(scope, config) : DENSE_LAYER,
    );
  }

  /** All parameters, under the reference's names. */
  get params(): ParamStore {
    return this.#trunk.params;
  }

  /**
   * Runs the network.
   *
   * @param x noisy images, `f32[B, C, H, W]`
   * @param t times in [0, 1], 0 being noise, `f32[B]`
   * @param y labels, `i32[B]`, `num_classes` being the null class
   * @param training experts take a fixed number of tokens and predictors learn; absent when sampling
   */
  forward(x: Tensor, t: Tensor, y: Tensor, probe?: Probe, training?: TrainingContext): ModelOutput {
    return this.#trunk.forward({ x, t, y }, probe, training);
  }
}
