import { ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { add, mul, sub } from "../../../kernels/elementwise/mod.ts";
import { choiceCrossEntropy, chosenPairs } from "../../../kernels/moe/expert_choice/mod.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { ExpertChoiceMoe } from "../../../models/choice/expert_choice_moe.ts";
import { TokenChoiceMoe } from "../../../models/choice/token_choice_moe.ts";
import { createModel, type ModelConfig } from "../../../models/create.ts";
import { BatchPoolMoe } from "../../../models/diffmoe/batch_pool_moe.ts";
import type { DitLayer, LayerResult } from "../../../models/dit/block.ts";
import { GeluMlp } from "../../../models/layers/gelu_mlp.ts";
import type { TrainingContext } from "../../../models/model.ts";
import { moveBuffers } from "../../../models/moe/moving_buffer.ts";
import type { Routing } from "../../../models/moe/sparse_moe.ts";
import { type CaseContext, type CaseRunner, compareGradients, input, loadParameters } from "../case.ts";
import {
  diffMoeConfigOf,
  diffMoeLayerOf,
  ditConfigOf,
  ecDitConfigOf,
  expertChoiceLayerOf,
  tcDitConfigOf,
  tokenChoiceLayerOf,
} from "../dit_config.ts";
import type { Fields } from "../fields.ts";
import { runLayer } from "./layer.ts";
import { type ModelKind, runModelOf } from "./model.ts";

/** Experts take a fixed number of tokens and losses of the layers exist only in files of training mode. */
function trainingOf({ device, golden }: CaseContext): TrainingContext | undefined {
  if (golden.config.value("mode") === "eval") return undefined;
  return { random: device.tensor([3], new Uint32Array(3)), stream: 0 };
}

/** The dense feed-forward layer with tanh-approximated GELU (behaviour 18). */
export const runGeluMlp: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    const layer = new GeluMlp(params.root, args.number("hidden_size"), args.number("hidden_features"));
    return (inputs) => ({ out: layer.forward(inputs.get("x")!) });
  });

/** The token-choice layer, whose gradients hold those of its balance loss (behaviour 33). */
export const runTokenChoice: CaseRunner = (context) =>
  runRouted(context, (params, args) => new TokenChoiceMoe(params.root, tokenChoiceLayerOf(args)));

/** The expert-choice layer (behaviour 34). */
export const runExpertChoice: CaseRunner = (context) =>
  runRouted(context, (params, args) => new ExpertChoiceMoe(params.root, expertChoiceLayerOf(args)));

/** The layer of DiffMoE, training or sampling (behaviours 35-37). */
export const runBatchPool: CaseRunner = (context) =>
  runRouted(context, (params, args) => new BatchPoolMoe(params.root, diffMoeLayerOf(args)));

async function runRouted(
  context: CaseContext,
  build: (params: ParamStore, args: Fields) => DitLayer,
): Promise<void> {
  const { golden, checks } = context;
  using params = new ParamStore();
  const args = golden.config.section("args");
  const layer = build(params, args);
  args.finish();
  await loadParameters(context, params);
  const x = await input(context, "x");
  const gradOut = golden.has("in.grad_out") ? await input(context, "grad_out") : undefined;
  const gradPredicted = golden.has("in.grad_capacity_pred")
    ? await input(context, "grad_capacity_pred")
    : undefined;
  const training = trainingOf(context);
  let result: LayerResult | undefined;
  await compareGradients(context, params, new Map([["x", x]]), () => {
    result = layer.forward(x, training);
    return { root: rootOf(result, gradOut, gradPredicted) };
  });
  await checks.tensor("out", result!.out, "output");
  await compareChoice(context, result!.routing!);
  await compareBuffers(context, params, [result!.routing!]);
}

/**
 * A number whose gradient is what flows into the layer from behind: at its output, and at the capacity predictor's.
 * Without the latter, the layer's own loss adds its gradient with factor 1.
 */
function rootOf({ out, routing }: LayerResult, gradOut?: Tensor, gradPredicted?: Tensor): Tensor {
  const root = sum(gradOut ? mul(out, gradOut) : out);
  const { predicted, auxiliary } = routing!;
  if (!predicted) return auxiliary ? add(root, auxiliary()) : root;
  return gradPredicted ? add(root, sum(mul(predicted, reshape(gradPredicted, predicted.shape)))) : root;
}

/** Compares who was chosen exactly, and what the choice rests on. */
async function compareChoice(context: CaseContext, routing: Routing): Promise<void> {
  const { golden, checks } = context;
  const { path, indices, weights, choice, predicted, auxiliary, counts } = routing;
  const entry = (name: string) => ["out.route", path, name].filter((part) => part !== "").join(".");
  if (indices) {
    await checks.exact(entry("gate.topk_indices"), indices);
    await checks.tensor(entry("gate.topk_weights"), weights!, "router");
    if (golden.has(entry("gate.aux_loss"))) {
      await checks.tensor(entry("gate.aux_loss"), auxiliary!(), "loss");
    }
  }
  if (predicted) {
    await checks.integers(entry("selected_mask"), await chosenPairs(choice!));
    await checks.values(entry("capacity_pred_logits"), await predicted.read(), "output");
  }
  if (golden.has(entry("tokens_per_expert"))) await checks.exact(entry("tokens_per_expert"), counts);
}

/** Compares the thresholds as they are after the step. */
async function compareBuffers(
  { device, golden, checks }: CaseContext,
  params: ParamStore,
  routings: readonly Routing[],
): Promise<void> {
  moveBuffers(routings, device.tensor([1], Float32Array.of(1)));
  for (const { name, kind, tensor } of params.all) {
    const entry = `out.buffer.${name}`;
    if (kind === "buffer" && golden.has(entry)) await checks.tensor(entry, tensor, "output");
  }
}

const velocityError: ModelKind["error"] = ({ objective }, out, zt, { x, noise, t }) =>
  sub(objective.velocity(out, zt, t), sub(x, noise));

function modelKind(create: (config: Fields) => ModelConfig): ModelKind {
  return {
    create: (config) => createModel(create(config)),
    perSample: "out.mse",
    error: velocityError,
    trainingOf,
    compareRouting: compareChoice,
  };
}

/** One training-style step of a whole dense DiT without optimizer. */
export const runDit: CaseRunner = (context) => runModelOf(context, modelKind(ditConfigOf));

/** One training-style step of a whole token-choice DiT; its balance loss is in the gradients, not in the loss. */
export const runTcDit: CaseRunner = (context) =>
  runModelOf(context, { ...modelKind(tcDitConfigOf), idleExpertsHaveGradients: true });

/** One training-style step of a whole expert-choice DiT. */
export const runEcDit: CaseRunner = (context) => runModelOf(context, modelKind(ecDitConfigOf));

/** One training-style step of a whole DiffMoE; the loss of its capacity predictors is part of the loss. */
export const runDiffMoe: CaseRunner = (context) =>
  runModelOf(context, { ...modelKind(diffMoeConfigOf), reportsAuxiliary: true, compareMore: compareDiffMoe });

/** The predictors' loss by layer, its weighted sum, and the thresholds. */
async function compareDiffMoe(
  context: CaseContext,
  params: ParamStore,
  routings: readonly Routing[],
): Promise<void> {
  const { golden, checks } = context;
  await compareBuffers(context, params, routings);
  let total = 0;
  for (const { path, choice, predicted, auxiliary } of routings) {
    if (!predicted || !auxiliary) continue;
    const loss = await choiceCrossEntropy(predicted, choice!).read();
    const [, block] = path.match(/^blocks\.(\d+)\./) ?? [];
    await checks.values(`out.capacity_pred_loss.${block}`, loss, "loss");
    total += (await auxiliary().read())[0];
  }
  if (golden.has("out.cp_loss")) await checks.values("out.cp_loss", [total], "loss");
}
