import type { Initializer } from "../../engine/params/init.ts";
import { type Parameter, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, silu } from "../../kernels/elementwise/mod.ts";
import { unpatchify } from "../../kernels/patchify/mod.ts";
import { LabelEmbedder, PatchEmbed, TimestepEmbedder } from "../layers/embedders.ts";
import { FinalLayer } from "../layers/final_layer.ts";
import { sinCosPositions } from "../layers/pos_embed.ts";
import type { Objective } from "../diffusion/objective.ts";
import { RECTIFIED_FLOW } from "../diffusion/rectified_flow.ts";
import type { DiffusionModel, ModelOutput, Probe, TrainingContext } from "../model.ts";
import { auxiliaryOf } from "../moe/balance_loss.ts";
import type { Routing } from "../moe/sparse_moe.ts";
import { runBlock } from "../run_block.ts";
import { DsmoeBlock } from "./block.ts";
import { type DsmoeConfig, isMoeBlock, outputChannels, validateDsmoe } from "./config.ts";

/** DSMoE: a latent diffusion transformer with sigmoid-routed experts (arXiv 2512.01252, section 3). */
export class Dsmoe implements DiffusionModel {
  /** With sinks, attention runs across the batch (behaviour 15). */
  readonly couplesBatch: boolean;
  /** All parameters, under the reference's names. */
  readonly params: ParamStore = new ParamStore();
  readonly objective: Objective = RECTIFIED_FLOW;
  readonly #patches: PatchEmbed;
  readonly #time: TimestepEmbedder;
  readonly #labels: LabelEmbedder;
  readonly #positions: Parameter | undefined;
  readonly #blocks: readonly DsmoeBlock[];
  readonly #final: FinalLayer;

  /** Declares the parameters; gives them no memory. */
  constructor(readonly config: DsmoeConfig) {
    validateDsmoe(config);
    const { model, moe } = config;
    this.couplesBatch = model.use_sinks;
    const scope = this.params.root;
    const hidden = model.hidden_size;
    this.#patches = new PatchEmbed(scope.sub("x_embedder"), model.in_channels, model.patch_size, hidden);
    this.#time = new TimestepEmbedder(scope.sub("t_embedder"), hidden);
    this.#labels = new LabelEmbedder(scope.sub("y_embedder"), model.num_classes, hidden);
    if (model.rope_type === "none") {
      const grid = model.input_size / model.patch_size;
      const init = sinCosInitializer(hidden, grid);
      this.#positions = scope.parameter("pos_embed", [1, grid * grid, hidden], { init, kind: "frozen" });
    }
    this.#blocks = Array.from(
      { length: model.depth },
      (_, i) => new DsmoeBlock(scope.sub(`blocks.${i}`), model, isMoeBlock(moe, i) ? moe : null),
    );
    const outputs = outputChannels(model) * model.patch_size ** 2;
    this.#final = new FinalLayer(scope.sub("final_layer"), hidden, outputs);
  }

  /**
   * Runs the network.
   *
   * @param x noisy images, `f32[B, C, H, W]`
   * @param t times in [0, 1], 0 being noise, `f32[B]`
   * @param y labels, `i32[B]`, `num_classes` being the null class
   */
  forward(
    x: Tensor,
    t: Tensor,
    y: Tensor,
    probe: Probe = () => {},
    training?: TrainingContext,
  ): ModelOutput {
    const { patch_size: patch, input_size: size } = this.config.model;
    const patches = this.#patches.forward(x); // f32[B, T, D]
    probe("x_embedded", patches);
    const time = this.#time.forward(t); // f32[B, D]
    probe("t_embedded", time);
    const condition = silu(add(time, this.#labels.forward(y))); // f32[B, D]
    let h = this.#positions ? add(patches, this.#positions.tensor) : patches; // f32[B, T, D]
    const routings: Routing[] = [];
    this.#blocks.forEach((block, i) => {
      const { out, routing } = runBlock(h, (x) => block.forward(x, condition), training); // f32[B, T, D]
      if (routing) routings.push(routing);
      probe(`hidden.${i}`, h = out);
    });
    const tokens = this.#final.forward(h, condition); // f32[B, T, p*p*C']
    const out = unpatchify(tokens, outputChannels(this.config.model), size, size, patch, "hwc");
    return { out, routings, auxiliary: auxiliaryOf(routings, training) };
  }
}

function sinCosInitializer(hidden: number, grid: number): Initializer {
  return { name: "sinCosPositions()", fill: () => sinCosPositions(hidden, grid) };
}
