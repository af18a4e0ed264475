import type { ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { add, mul, scale, sub } from "../../../kernels/elementwise/mod.ts";
import { sumTo } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { Dsmoe } from "../../../models/dsmoe/dsmoe.ts";
import { forwardWithGuidance } from "../../../models/dsmoe/guidance.ts";
import type { NoisyBatch } from "../../../models/diffusion/objective.ts";
import type { DiffusionModel, ModelOutput, TrainingContext } from "../../../models/model.ts";
import type { Routing } from "../../../models/moe/sparse_moe.ts";
import {
  type CaseContext,
  type CaseRunner,
  compareGradients,
  compareRouting,
  input,
  loadParameters,
} from "../case.ts";
import { distance, relativeError } from "../compare.ts";
import { dsmoeConfigOf } from "../dsmoe_config.ts";
import type { Fields } from "../fields.ts";

/** What is particular to the models of one family. */
export interface ModelKind {
  /** Builds the model of a golden file. */
  create(config: Fields): DiffusionModel;
  /** Name of the entry that holds the loss of each image. */
  readonly perSample: string;
  /** Error that the loss is the mean square of, `f32[B, C, H, W]`. */
  error(model: DiffusionModel, out: Tensor, zt: Tensor, batch: NoisyBatch): Tensor;
  /** What the network needs where the file is of a training step; absent for a network that needs nothing. */
  trainingOf?(context: CaseContext): TrainingContext | undefined;
  /** Whether the file's loss holds the network's own; its gradients always do. */
  readonly reportsAuxiliary?: boolean;
  /** Whether the reference has gradients of zero, and not none, for experts without tokens. */
  readonly idleExpertsHaveGradients?: boolean;
  /** Compares what one layer chose; indices and weights of a sigmoid router where absent. */
  compareRouting?(context: CaseContext, routing: Routing): Promise<void>;
  /** Compares what only this family has. */
  compareMore?(context: CaseContext, params: ParamStore, routings: readonly Routing[]): Promise<void>;
}

const DSMOE: ModelKind = {
  create: (config) => new Dsmoe(dsmoeConfigOf(config)),
  perSample: "out.mse",
  error: ({ objective }, out, zt, { x, noise, t }) => sub(objective.velocity(out, zt, t), sub(x, noise)),
};

/** One training-style step of a whole DSMoE without optimizer. */
export const runModel: CaseRunner = (context) => runModelOf(context, DSMOE);

/** One training-style step of a whole model without optimizer. */
export async function runModelOf(context: CaseContext, kind: ModelKind): Promise<void> {
  const { golden, checks } = context;
  const model = kind.create(golden.config);
  using params = model.params;
  await loadParameters(context, params);
  const [x, noise, t] = [await input(context, "x"), await input(context, "noise"), await input(context, "t")];
  const [zt, y] = [await input(context, "zt"), await input(context, "y")];
  const seen = new Map<string, Tensor>();
  let [output, loss]: [ModelOutput | undefined, Tensor] = [undefined, zt];
  await compareGradients(context, params, new Map([["zt", zt]]), () => {
    const training = kind.trainingOf?.(context);
    output = model.forward(zt, t, y, (name, tensor) => seen.set(name, tensor), training);
    const { auxiliary } = output;
    const plain = model.objective.loss(output.out, zt, { x, noise, t });
    const root = auxiliary ? add(plain, auxiliary) : plain;
    loss = kind.reportsAuxiliary ? root : plain;
    return { root };
  });
  const { out, routings } = output!;
  await comparePath(context, model.objective.pathPoint({ x, noise, t }));
  await checks.tensor("out", out, "output");
  for (const [name, tensor] of seen) await checks.tensor(`out.${name}`, tensor, "output");
  const routed = kind.compareRouting ?? compareRouting;
  for (const routing of routings) await routed(context, routing);
  await checks.tensor("loss", loss, "loss");
  const error = kind.error(model, out, zt, { x, noise, t });
  await checks.tensor(kind.perSample, squarePerSample(error), "loss");
  await kind.compareMore?.(context, params, routings);
  if (golden.names("grad.").length === 0 || kind.idleExpertsHaveGradients) return;
  await compareUnused(context, model, routings);
}

/** The network's input is recomputed from image, noise and time. */
async function comparePath({ golden, checks }: CaseContext, zt: Tensor): Promise<void> {
  const error = relativeError(distance(await zt.read(), await golden.read("in.zt")));
  checks.measured("in.zt from x, noise, t", error, "output");
}

/** Mean square of each image's error: `f32[B]`. */
function squarePerSample(error: Tensor): Tensor {
  const [batch] = error.shape;
  return reshape(scale(sumTo(mul(error, error), [batch, 1, 1, 1]), batch / error.size), [batch]);
}

/** Experts without a token are the parameters that the reference has no gradient for. */
async function compareUnused(
  { golden, checks }: CaseContext,
  model: DiffusionModel,
  routings: readonly Routing[],
): Promise<void> {
  const counts = new Map<string, ArrayLike<number>>();
  for (const { path, counts: own } of routings) counts.set(path, await own.read());
  const unused = model.params.trainable.flatMap((parameter) => {
    const own = counts.get(parameter.options.routedBy ?? "");
    return own ? parameter.entries().filter((_, e) => own[e] === 0).map(({ name }) => name) : [];
  });
  const want = new Set(golden.config.names("grad_none"));
  checks.counted("config.grad_none", new Set(unused).symmetricDifference(want).size);
}

/** `forward_with_cfg` of a whole DSMoE on a doubled batch (behaviour 42). */
export const runGuidedModel: CaseRunner = async (context) => {
  const { golden, checks } = context;
  const model = new Dsmoe(dsmoeConfigOf(golden.config));
  using params = model.params;
  await loadParameters(context, params);
  const [x, t, y] = [await input(context, "x"), await input(context, "t"), await input(context, "y")];
  const { out, routings } = forwardWithGuidance(model, x, t, y, golden.config.number("cfg_scale"));
  await checks.tensor("out", out, "output");
  for (const routing of routings) await compareRouting(context, routing);
};
