/**
 * The networks: presets, layers, mixtures of experts, and the paths that they are trained along.
 *
 * ```ts
 * import { createModel, presetNamed } from "@tessera/tessera/models";
 *
 * const model = createModel(presetNamed("dsmoe-s-e16"));
 * console.log(model.params.count, "parameters"); // declared, not yet in memory
 * ```
 *
 * @module
 */
export * from "./autoencoder_kl/mod.ts";
export {
  type EcDitConfig,
  type TcDitConfig,
  type TokenChoiceConfig,
  validateEcDit,
  validateTcDit,
} from "./choice/config.ts";
export { EcDit } from "./choice/ecdit.ts";
export { ExpertChoiceMoe } from "./choice/expert_choice_moe.ts";
export * from "./choice/presets.ts";
export { TcDit } from "./choice/tcdit.ts";
export { TokenChoiceMoe } from "./choice/token_choice_moe.ts";
export { createModel, type ModelConfig } from "./create.ts";
export { BatchPoolMoe } from "./diffmoe/batch_pool_moe.ts";
export {
  type DiffMoeConfig,
  type DiffMoeModelConfig,
  type DiffMoeMoeConfig,
  validateDiffMoe,
} from "./diffmoe/config.ts";
export { DiffMoe } from "./diffmoe/diffmoe.ts";
export * from "./diffmoe/presets.ts";
export type { NoisyBatch, Objective, TimeDraws } from "./diffusion/objective.ts";
export { perImage, RECTIFIED_FLOW } from "./diffusion/rectified_flow.ts";
export { xPrediction, type XPredictionConfig } from "./diffusion/x_prediction.ts";
export { DENSE_LAYER, DitBlock, type DitLayer, type DitLayerKind, type LayerResult } from "./dit/block.ts";
export {
  type DitConfig,
  type DitModelConfig,
  type DitMoeConfig,
  ditOutputChannels,
  feedForwardWidth,
  isRoutedBlock,
  tokensOfExpert,
  validateDit,
  validateDitMoe,
} from "./dit/config.ts";
export { Dit } from "./dit/dit.ts";
export * from "./dit/presets.ts";
export { type DitInputs, DitTrunk } from "./dit/trunk.ts";
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
export * from "./inception/mod.ts";
export { JitAttention, type TokenLayout } from "./jit/attention.ts";
export { type BlockDropout, JitBlock } from "./jit/block.ts";
export {
  isDropoutBlock,
  type JitConfig,
  type JitModelConfig,
  type JitMoeConfig,
  type JitMoeExpertsConfig,
  validateJit,
} from "./jit/config.ts";
export { Jit } from "./jit/jit.ts";
export * from "./jit/presets.ts";
export { Attention, type AttentionConfig, type RopeType } from "./layers/attention.ts";
export { type Dropout, dropoutAt, NO_DROPOUT } from "./layers/dropout.ts";
export { BottleneckPatchEmbed, LabelEmbedder, PatchEmbed, TimestepEmbedder } from "./layers/embedders.ts";
export { AdaLn, Modulation } from "./layers/adaln.ts";
export { FinalLayer } from "./layers/final_layer.ts";
export { GeluMlp } from "./layers/gelu_mlp.ts";
export { Linear, type LinearOptions } from "./layers/linear.ts";
export { type FeedForward, GatedMlp, gatedWidth, SiluMlp, SwigluMlp } from "./layers/mlp.ts";
export { LayerNorm, type Norm, PLAIN_LAYERNORM, RmsNorm } from "./layers/norm.ts";
export { halfWeights, type Precision, PRECISIONS } from "./layers/precision.ts";
export { sinCosPositions } from "./layers/pos_embed.ts";
export {
  type ExpertKind,
  GATED_EXPERTS,
  type StackedExperts,
  type StackSizes,
  SWIGLU_EXPERTS,
} from "./moe/experts.ts";
export { gatedExperts, geluExperts } from "./moe/dit_experts.ts";
export { moveBuffers, type MovingBuffer } from "./moe/moving_buffer.ts";
export { type BlockOutput, runBlock } from "./run_block.ts";
export { type MoeConfig, type Routed, type Routing, SparseMoe } from "./moe/sparse_moe.ts";
export { presetNamed, PRESETS } from "./presets.ts";
export {
  loadWeights,
  type ModelCheckpoint,
  openModelCheckpoint,
  WEIGHTS_NAMES,
  type WeightsName,
} from "./weights.ts";
export { type Recognised, recogniseModel } from "./recognise.ts";
export { type SectionName, weightSections } from "./sections.ts";
