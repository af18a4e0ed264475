import type { CaseRunner } from "../case.ts";
import type { Golden } from "../golden.ts";
import {
  runBatchPool,
  runDiffMoe,
  runDit,
  runEcDit,
  runExpertChoice,
  runGeluMlp,
  runTcDit,
  runTokenChoice,
} from "./dit.ts";
import {
  runLabelEmbedder,
  runPatchEmbed,
  runPositions,
  runTimestepEmbedder,
  runUnpatchify,
} from "./embed.ts";
import { runImageOutput, runResizeBilinear } from "./image.ts";
import { inceptionRunner } from "./inception.ts";
import {
  runBottleneckPatchEmbed,
  runJitAttention,
  runJitBlock,
  runJitFinalLayer,
  runJitModel,
  runJitMoe,
  runSwigluMlp,
} from "./jit.ts";
import { runAttention, runBlock, runFinalLayer, runMoe, runSiluMlp } from "./layers.ts";
import { runFrechetDistance, runInceptionScore, runPrecisionRecall } from "./metric.ts";
import { runGuidedModel, runModel } from "./model.ts";
import { runAdamW } from "./optim.ts";
import { runRope1d, runRope2d, runRopeInterleaved } from "./rope.ts";
import { runRouter } from "./router.ts";
import { runSampler } from "./sampler.ts";
import { runSchedule } from "./schedule.ts";
import { runTrajectory } from "./trajectory.ts";
import { runAutoencoder, runLatentDistribution } from "./vae.ts";

/** Runners by component. */
const COMPONENTS: ReadonlyMap<string, CaseRunner> = new Map([
  ["rope_1d", runRope1d],
  ["rope_2d", runRope2d],
  ["rope_jit", runRopeInterleaved],
  ["router", runRouter],
  ["moe_dsmoe", runMoe],
  ["moe_jit", runJitMoe],
  ["moe_tc", runTokenChoice],
  ["moe_ec", runExpertChoice],
  ["moe_diffmoe", runBatchPool],
  ["mlp_silu", runSiluMlp],
  ["mlp_gelu", runGeluMlp],
  ["mlp_jit", runSwigluMlp],
  ["attention", runAttention],
  ["attention_jit", runJitAttention],
  ["timestep_embedder", runTimestepEmbedder],
  ["label_embedder", runLabelEmbedder],
  ["pos_embed_2d", runPositions],
  ["patch_embed", runPatchEmbed],
  ["patch_embed_jit", runBottleneckPatchEmbed],
  ["unpatchify", runUnpatchify],
  ["final_layer", runFinalLayer],
  ["final_layer_jit", runJitFinalLayer],
  ["block_dsmoe", runBlock],
  ["block_jit", runJitBlock],
  ["optim_adamw", runAdamW],
  ["metric_fid", runFrechetDistance],
  ["metric_is", runInceptionScore],
  ["metric_prec_recall", runPrecisionRecall],
  ["lr_schedule", runSchedule],
  ["vae", runAutoencoder],
  ["vae_distribution", runLatentDistribution],
  ["image_output", runImageOutput],
  ["resize_bilinear", runResizeBilinear],
  ["inception_pytorch_fid", inceptionRunner("pytorch-fid")],
  ["inception_fidelity", inceptionRunner("torch-fidelity")],
]);

/** Runners of whole models, by family and component. */
const MODELS: ReadonlyMap<string, CaseRunner> = new Map([
  ["dsmoe model", runModel],
  ["dsmoe model_cfg", runGuidedModel],
  ["dsmoe traj", runTrajectory],
  ["dsmoe sampler", runSampler],
  ["jit model", runJitModel],
  ["jit traj", runTrajectory],
  ["jit sampler", runSampler],
  ["jitmoe model", runJitModel],
  ["jitmoe traj", runTrajectory],
  ["jitmoe sampler", runSampler],
  ["diffmoe model", runDiffMoe],
  ["diffmoe traj", runTrajectory],
  ["diffmoe sampler", runSampler],
  ["dit model", runDit],
  ["dit traj", runTrajectory],
  ["dit sampler", runSampler],
  ["tcdit model", runTcDit],
  ["tcdit traj", runTrajectory],
  ["tcdit sampler", runSampler],
  ["ecdit model", runEcDit],
  ["ecdit traj", runTrajectory],
  ["ecdit sampler", runSampler],
]);

/** The runner for a golden file; undefined where its kind is not implemented. */
export function runnerFor({ family, component }: Golden): CaseRunner | undefined {
  return MODELS.get(`${family} ${component}`) ?? COMPONENTS.get(component);
}
