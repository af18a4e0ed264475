import type { Tensor } from "../../../engine/tensor.ts";
import { mul, scale, sub } from "../../../kernels/elementwise/mod.ts";
import { sumTo } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { Dsmoe } from "../../../models/dsmoe/dsmoe.ts";
import { forwardWithGuidance } from "../../../models/dsmoe/guidance.ts";
import type { ModelOutput } from "../../../models/model.ts";
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

/** One training-style step of a whole DSMoE without optimizer. */
export const runModel: CaseRunner = async (context) => {
  const { golden, checks } = context;
  const model = new Dsmoe(dsmoeConfigOf(golden.config));
  using params = model.params;
  await loadParameters(context, params);
  const [x, noise, t] = [await input(context, "x"), await input(context, "noise"), await input(context, "t")];
  const [zt, y] = [await input(context, "zt"), await input(context, "y")];
  const seen = new Map<string, Tensor>();
  let [output, loss]: [ModelOutput | undefined, Tensor] = [undefined, zt];
  await compareGradients(context, params, new Map([["zt", zt]]), () => {
    output = model.forward(zt, t, y, (name, tensor) => seen.set(name, tensor));
    return { root: loss = model.objective.loss(output.out, zt, { x, noise, t }) };
  });
  const { out, routings } = output!;
  await comparePath(context, model.objective.pathPoint({ x, noise, t }));
  await checks.tensor("out", out, "output");
  for (const [name, tensor] of seen) await checks.tensor(`out.${name}`, tensor, "output");
  for (const routing of routings) await compareRouting(context, routing);
  await checks.tensor("loss", loss, "loss");
  await checks.tensor("out.mse", errorPerSample(model.objective.velocity(out, zt, t), x, noise), "loss");
  if (golden.names("grad.").length > 0) await compareUnused(context, model, routings);
};

/** The network's input is recomputed from image, noise and time. */
async function comparePath({ golden, checks }: CaseContext, zt: Tensor): Promise<void> {
  const error = relativeError(distance(await zt.read(), await golden.read("in.zt")));
  checks.measured("in.zt from x, noise, t", error, "output");
}

/** Mean squared error of the velocity of each image: `f32[B]`. */
function errorPerSample(velocity: Tensor, x: Tensor, noise: Tensor): Tensor {
  const error = sub(velocity, sub(x, noise)); // f32[B, C, H, W]
  const [batch] = x.shape;
  return reshape(scale(sumTo(mul(error, error), [batch, 1, 1, 1]), batch / x.size), [batch]);
}

/** Experts without a token are the parameters that the reference has no gradient for. */
async function compareUnused(
  { golden, checks }: CaseContext,
  model: Dsmoe,
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
