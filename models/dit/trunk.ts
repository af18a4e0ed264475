import type { Initializer } from "../../engine/params/init.ts";
import { type Parameter, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, silu } from "../../kernels/elementwise/mod.ts";
import { unpatchify } from "../../kernels/patchify/mod.ts";
import { LabelEmbedder, PatchEmbed, TimestepEmbedder } from "../layers/embedders.ts";
import { FinalLayer } from "../layers/final_layer.ts";
import { sinCosPositions } from "../layers/pos_embed.ts";
import type { ModelOutput, Probe, TrainingContext } from "../model.ts";
import { auxiliaryOf } from "../moe/balance_loss.ts";
import type { Routing } from "../moe/sparse_moe.ts";
import { runBlock } from "../run_block.ts";
import { DitBlock, type DitLayerKind } from "./block.ts";
import { type DitModelConfig, ditOutputChannels } from "./config.ts";

/** The inputs of a network: noisy images, times in [0, 1], labels. */
export interface DitInputs {
  /** `f32[B, C, H, W]`. */
  readonly x: Tensor;
  /** `f32[B]`, 0 being noise. */
  readonly t: Tensor;
  /** `i32[B]`, `num_classes` being the null class. */
  readonly y: Tensor;
}

/**
 * The diffusion transformer that dense DiT, DiffMoE, token choice and expert choice have in common: patches plus fixed
 * sin-cos positions, adaLN-zero blocks, a linear map back to patches. The families differ in the blocks' feed-forward
 * layers alone (Peebles and Xie, arXiv 2212.09748; reference behaviours 2-8, 14, 16, 17).
 */
export class DitTrunk {
  /** All parameters, under the reference's names. */
  readonly params: ParamStore = new ParamStore();
  readonly #positions: Parameter;
  readonly #patches: PatchEmbed;
  readonly #time: TimestepEmbedder;
  readonly #labels: LabelEmbedder;
  readonly #blocks: readonly DitBlock[];
  readonly #final: FinalLayer;

  /**
   * Declares the parameters; gives them no memory.
   *
   * @param layerOf the kind of feed-forward layer of each block
   */
  constructor(private readonly model: DitModelConfig, layerOf: (block: number) => DitLayerKind) {
    const scope = this.params.root;
    const { hidden_size: hidden, patch_size: patch, in_channels: channels } = model;
    const grid = model.input_size / patch;
    const init = sinCosInitializer(hidden, grid);
    this.#positions = scope.parameter("pos_embed", [1, grid * grid, hidden], { init, kind: "frozen" });
    this.#patches = new PatchEmbed(scope.sub("x_embedder"), channels, patch, hidden);
    this.#time = new TimestepEmbedder(scope.sub("t_embedder"), hidden);
    this.#labels = new LabelEmbedder(scope.sub("y_embedder"), model.num_classes, hidden);
    this.#blocks = Array.from(
      { length: model.depth },
      (_, i) => new DitBlock(scope.sub(`blocks.${i}`), model, layerOf(i)),
    );
    this.#final = new FinalLayer(scope.sub("final_layer"), hidden, ditOutputChannels(model) * patch ** 2);
  }

  /**
   * Runs the network.
   *
   * @param training absent when sampling
   * @returns `f32[B, C', H, W]`, how each routed block routed, and the weighted sum of the layers' own losses
   */
  forward({ x, t, y }: DitInputs, probe: Probe = () => {}, training?: TrainingContext): ModelOutput {
    const { patch_size: patch, input_size: size } = this.model;
    const patches = this.#patches.forward(x); // f32[B, T, D]
    probe("x_embedded", patches);
    const time = this.#time.forward(t); // f32[B, D]
    probe("t_embedded", time);
    const condition = silu(add(time, this.#labels.forward(y))); // f32[B, D]
    let h = add(patches, this.#positions.tensor); // f32[B, T, D]
    const routings: Routing[] = [];
    this.#blocks.forEach((block, i) => {
      const { out, routing } = runBlock(h, (x) => block.forward(x, condition, training), training); // f32[B, T, D]
      if (routing) routings.push(routing);
      probe(`hidden.${i}`, h = out);
    });
    const tokens = this.#final.forward(h, condition); // f32[B, T, p*p*C']
    const out = unpatchify(tokens, ditOutputChannels(this.model), size, size, patch, "hwc"); // f32[B, C', H, W]
    return { out, routings, auxiliary: auxiliaryOf(routings, training) };
  }
}

function sinCosInitializer(hidden: number, grid: number): Initializer {
  return { name: "sinCosPositions()", fill: () => sinCosPositions(hidden, grid) };
}
