import type { ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Objective } from "../diffusion/objective.ts";
import { RECTIFIED_FLOW } from "../diffusion/rectified_flow.ts";
import type { DiffusionModel, ModelOutput, Probe, TrainingContext } from "../model.ts";
import { DENSE_LAYER } from "./block.ts";
import { type DitConfig, validateDit } from "./config.ts";
import { DitTrunk } from "./trunk.ts";

/** The dense diffusion transformer (Peebles and Xie, arXiv 2212.09748), trained by rectified flow. */
export class Dit implements DiffusionModel {
  readonly objective: Objective = RECTIFIED_FLOW;
  readonly #trunk: DitTrunk;

  /** Declares the parameters; gives them no memory. */
  constructor(readonly config: DitConfig) {
    validateDit(config);
    this.#trunk = new DitTrunk(config.model, () => DENSE_LAYER);
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
   * @param training absent when sampling
   */
  forward(x: Tensor, t: Tensor, y: Tensor, probe?: Probe, training?: TrainingContext): ModelOutput {
    return this.#trunk.forward({ x, t, y }, probe, training);
  }
}
