import type { CaseRunner } from "../case.ts";
import type { Golden } from "../golden.ts";
import {
  runLabelEmbedder,
  runPatchEmbed,
  runPositions,
  runTimestepEmbedder,
  runUnpatchify,
} from "./embed.ts";
import { runAttention, runBlock, runFinalLayer, runMoe, runSiluMlp } from "./layers.ts";
import { runGuidedModel, runModel } from "./model.ts";
import { runAdamW } from "./optim.ts";
import { runRope1d, runRope2d, runRopeInterleaved } from "./rope.ts";
import { runRouter } from "./router.ts";
import { runSampler } from "./sampler.ts";
import { runTrajectory } from "./trajectory.ts";

/** Runners by component. */
const COMPONENTS: ReadonlyMap<string, CaseRunner> = new Map([
  ["rope_1d", runRope1d],
  ["rope_2d", runRope2d],
  ["rope_jit", runRopeInterleaved],
  ["router", runRouter],
  ["moe_dsmoe", runMoe],
  ["mlp_silu", runSiluMlp],
  ["attention", runAttention],
  ["timestep_embedder", runTimestepEmbedder],
  ["label_embedder", runLabelEmbedder],
  ["pos_embed_2d", runPositions],
  ["patch_embed", runPatchEmbed],
  ["unpatchify", runUnpatchify],
  ["final_layer", runFinalLayer],
  ["block_dsmoe", runBlock],
  ["optim_adamw", runAdamW],
]);

/** Runners of whole models, by family and component. */
const MODELS: ReadonlyMap<string, CaseRunner> = new Map([
  ["dsmoe model", runModel],
  ["dsmoe model_cfg", runGuidedModel],
  ["dsmoe traj", runTrajectory],
  ["dsmoe sampler", runSampler],
]);

/** The runner for a golden file; undefined where its kind is not implemented. */
export function runnerFor({ family, component }: Golden): CaseRunner | undefined {
  return MODELS.get(`${family} ${component}`) ?? COMPONENTS.get(component);
}
