import { type Initializer, normal } from "../../engine/params/init.ts";
import { type Parameter, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, silu } from "../../kernels/elementwise/mod.ts";
import { unpatchify } from "../../kernels/patchify/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { concat, slice } from "../../kernels/split/mod.ts";
import type { Objective } from "../diffusion/objective.ts";
import { xPrediction } from "../diffusion/x_prediction.ts";
import { isMoeBlock } from "../dsmoe/config.ts";
import { dropoutAt } from "../layers/dropout.ts";
import { BottleneckPatchEmbed, LabelEmbedder, TimestepEmbedder } from "../layers/embedders.ts";
import { FinalLayer } from "../layers/final_layer.ts";
import { sinCosPositions } from "../layers/pos_embed.ts";
import type { DiffusionModel, ModelOutput, Probe, TrainingContext } from "../model.ts";
import { auxiliaryOf } from "../moe/balance_loss.ts";
import type { Routing } from "../moe/sparse_moe.ts";
import { runBlock } from "../run_block.ts";
import { type BlockDropout, JitBlock } from "./block.ts";
import { isDropoutBlock, type JitConfig, type JitMoeConfig, validateJit } from "./config.ts";

/** Places in a block where dropout has a mask of its own. */
const DROPOUT_PLACES = 3;

/**
 * JiT, a transformer on the pixels themselves that predicts the clean image (arXiv 2511.13720), and JiTMoE, the same
 * with sigmoid-routed experts in place of some feed-forward layers (arXiv 2512.01252).
 */
export class Jit implements DiffusionModel {
  /** All parameters, under the reference's names. */
  readonly params: ParamStore = new ParamStore();
  readonly objective: Objective;
  readonly #positions: Parameter;
  readonly #contextPositions: Parameter | undefined;
  readonly #time: TimestepEmbedder;
  readonly #labels: LabelEmbedder;
  readonly #patches: BottleneckPatchEmbed;
  readonly #blocks: readonly JitBlock[];
  readonly #final: FinalLayer;

  /** Declares the parameters; gives them no memory. */
  constructor(readonly config: JitConfig | JitMoeConfig) {
    validateJit(config);
    const { model, objective } = config;
    const { hidden_size: hidden, patch_size: patch, in_channels: channels, in_context_len: length } = model;
    const scope = this.params.root;
    this.objective = xPrediction(objective);
    const init = sinCosInitializer(hidden, this.#grid);
    this.#positions = scope.parameter("pos_embed", [1, this.#grid ** 2, hidden], { init, kind: "frozen" });
    if (length > 0) {
      this.#contextPositions = scope.parameter("in_context_posemb", [1, length, hidden], {
        init: normal(0.02),
      });
    }
    this.#time = new TimestepEmbedder(scope.sub("t_embedder"), hidden);
    this.#labels = new LabelEmbedder(scope.sub("y_embedder"), model.num_classes, hidden);
    this.#patches = new BottleneckPatchEmbed(
      scope.sub("x_embedder"),
      channels,
      patch,
      model.bottleneck_dim,
      hidden,
    );
    const moe = config.family === "jitmoe" ? config.moe : null;
    this.#blocks = Array.from(
      { length: model.depth },
      (_, i) => new JitBlock(scope.sub(`blocks.${i}`), model, moe && isMoeBlock(moe, i) ? moe : null),
    );
    this.#final = new FinalLayer(scope.sub("final_layer"), hidden, channels * patch ** 2, "rmsnorm");
  }

  /** Image tokens along one side. */
  get #grid(): number {
    return this.config.model.input_size / this.config.model.patch_size;
  }

  /**
   * Runs the network.
   *
   * @param x noisy images, `f32[B, C, H, W]`
   * @param t times in [0, 1], 0 being noise, `f32[B]`
   * @param y labels, `i32[B]`, `num_classes` being the null class
   * @returns the images as they would be without noise, `f32[B, C, H, W]`
   */
  forward(
    x: Tensor,
    t: Tensor,
    y: Tensor,
    probe: Probe = () => {},
    training?: TrainingContext,
  ): ModelOutput {
    const { patch_size: patch, input_size: size, in_channels: channels, in_context_start } =
      this.config.model;
    const patches = this.#patches.forward(x); // f32[B, N, D]
    probe("x_embedded", patches);
    const time = this.#time.forward(t); // f32[B, D]
    probe("t_embedded", time);
    const label = this.#labels.forward(y); // f32[B, D]
    const condition = silu(add(time, label)); // f32[B, D]
    let h = add(patches, this.#positions.tensor); // f32[B, N, D]
    let leading = 0;
    const routings: Routing[] = [];
    this.#blocks.forEach((block, i) => {
      if (i === in_context_start && this.#contextPositions) {
        h = concat([classTokens(label, this.#contextPositions.tensor), h], 1); // f32[B, L + N, D]
        leading = this.config.model.in_context_len;
      }
      const [layout, dropout] = [{ leading, grid: this.#grid }, this.#dropout(i, training)];
      const { out, routing } = runBlock(h, (x) => block.forward(x, condition, layout, dropout), training);
      if (routing) routings.push(routing);
      probe(`hidden.${i}`, h = out);
    });
    const image = leading > 0 ? slice(h, 1, leading, this.#grid ** 2) : h; // f32[B, N, D]
    const tokens = this.#final.forward(image, condition); // f32[B, N, p*p*C]
    const out = unpatchify(tokens, channels, size, size, patch, "hwc"); // f32[B, C, H, W]
    return { out, routings, auxiliary: auxiliaryOf(routings, training) };
  }

  /** Dropout of block `i`; undefined where there is none. */
  #dropout(i: number, training: TrainingContext | undefined): BlockDropout | undefined {
    const { config } = this;
    if (!training || !isDropoutBlock(config.model, i)) return undefined;
    const { proj_drop: outside } = config.model;
    const routed = config.family === "jitmoe" && isMoeBlock(config.moe, i);
    const inside = routed ? config.moe.proj_drop : outside;
    const at = (place: number, probability: number) =>
      dropoutAt(probability, DROPOUT_PLACES * i + place, training);
    return { attention: at(0, outside), hidden: at(1, inside), shared: at(2, inside) };
  }
}

/** The label in front of the image, once for each learned position: `f32[B, D]` and `f32[1, L, D]` to `f32[B, L, D]`. */
function classTokens(label: Tensor, positions: Tensor): Tensor {
  return add(reshape(label, [label.shape[0], 1, label.shape[1]]), positions);
}

function sinCosInitializer(hidden: number, grid: number): Initializer {
  return { name: "sinCosPositions()", fill: () => sinCosPositions(hidden, grid) };
}
