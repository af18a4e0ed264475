/**
 * The networks: presets, layers, mixtures of experts, and the paths that they are trained along.
 *
 * ```ts
 * import { Dsmoe, presetNamed } from "@tessera/tessera/models";
 *
 * const model = new Dsmoe(presetNamed("dsmoe-s-e16"));
 * console.log(model.params.count, "parameters"); // declared, not yet in memory
 * ```
 *
 * @module
 */
export { createModel, type ModelConfig } from "./create.ts";
export type { NoisyBatch, Objective, TimeDraws } from "./diffusion/objective.ts";
export { perImage, RECTIFIED_FLOW } from "./diffusion/rectified_flow.ts";
export { type BlockConfig, DsmoeBlock } from "./dsmoe/block.ts";
export {
  type DsmoeConfig,
  type DsmoeModelConfig,
  type DsmoeMoeConfig,
  isMoeBlock,
  outputChannels,
  validateDsmoe,
} from "./dsmoe/config.ts";
export { Dsmoe } from "./dsmoe/dsmoe.ts";
export type { BaseModelConfig, DiffusionModel, ModelOutput, Probe, TrainingContext } from "./model.ts";
export { forwardWithGuidance } from "./dsmoe/guidance.ts";
export * from "./dsmoe/presets.ts";
export { Attention, type AttentionConfig, type RopeType } from "./layers/attention.ts";
export { LabelEmbedder, PatchEmbed, TimestepEmbedder } from "./layers/embedders.ts";
export { AdaLn, FinalLayer } from "./layers/final_layer.ts";
export { Linear, type LinearOptions } from "./layers/linear.ts";
export { type FeedForward, GatedMlp, SiluMlp } from "./layers/mlp.ts";
export { LayerNorm, type Norm, PLAIN_LAYERNORM, RmsNorm } from "./layers/norm.ts";
export { sinCosPositions } from "./layers/pos_embed.ts";
export { type MoeConfig, type Routed, type Routing, SparseMoe } from "./moe/sparse_moe.ts";
export { presetNamed, PRESETS } from "./presets.ts";
export { loadWeights, type ModelCheckpoint, openModelCheckpoint } from "./weights.ts";
