import type { HostArray } from "../../../engine/core/dtype.ts";
import { zeros } from "../../../engine/params/init.ts";
import { type Parameter, ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { AdamW } from "../../../train/optimizer.ts";
import { type CaseContext, type CaseRunner, input, loadParameters } from "../case.ts";
import type { Fields } from "../fields.ts";
import { compareTraining } from "../training.ts";

/** AdamW alone on given gradients: missing ones, weight decay groups, clipping, EMA (behaviours 38-40). */
export const runAdamW: CaseRunner = async (context) => {
  const { device, golden, checks } = context;
  const args = golden.config.section("args");
  args.ignore("shapes", "no_grad_steps");
  const [steps, rate] = [args.number("steps"), args.number("lr")];
  using params = new ParamStore();
  for (const name of golden.names("param.")) {
    params.root.parameter(name, golden.shape(`param.${name}`), { init: zeros() });
  }
  await loadParameters(context, params);
  const emaDecay = args.optionalNumber("ema_decay");
  using optimizer = new AdamW(device, params, { ...constantsOf(args), weightDecay: decayOf(args), emaDecay });
  args.finish();
  await optimizer.startEma();
  const norms: number[] = [];
  const [loss, hyper] = [device.tensor([], new Float32Array(1)), device.tensor([1], Float32Array.of(rate))];
  for (let step = 0; step < steps; step++) {
    const gradients = await gradientsOf(context, params, step);
    const { gradNorm, gate } = optimizer.step(gradients, loss, hyper, []);
    optimizer.averageBuffers(gate);
    norms.push((await gradNorm.read())[0]);
  }
  if (golden.has("grad_norms")) await checks.values("grad_norms", norms, "loss");
  await compareTraining(context, params, optimizer, { emaDecay });
  await compareMoments(context, optimizer);
};

/** Betas, epsilon and clipping of an optimizer section. */
export function constantsOf(
  fields: Fields,
): { beta1: number; beta2: number; eps: number; clipNorm: number | null } {
  const [beta1, beta2] = fields.numbers("betas");
  return { beta1, beta2, eps: fields.number("eps"), clipNorm: fields.optionalNumber("clip_grad_norm") };
}

function decayOf(args: Fields): (parameter: Parameter) => number {
  const decays = new Map<string, number>();
  for (const group of args.sections("groups")) {
    for (const name of group.names("names")) decays.set(name, group.number("weight_decay"));
    group.finish();
  }
  return ({ name }) => decays.get(name) ?? 0;
}

async function gradientsOf(
  context: CaseContext,
  params: ParamStore,
  step: number,
): Promise<(Tensor | null)[]> {
  const gradients: (Tensor | null)[] = [];
  for (const { name } of params.trainable) {
    const entry = `grad.${step}.${name}`;
    gradients.push(context.golden.has(`in.${entry}`) ? await input(context, entry) : null);
  }
  return gradients;
}

async function compareMoments({ golden, checks }: CaseContext, optimizer: AdamW): Promise<void> {
  for (const [{ name }, { m, v, steps }] of optimizer.states) {
    if (golden.has(`out.exp_avg.${name}`)) await checks.tensor(`out.exp_avg.${name}`, m, "output");
    if (golden.has(`out.exp_avg_sq.${name}`)) await checks.tensor(`out.exp_avg_sq.${name}`, v, "output");
    const count: HostArray = await steps.read();
    if (golden.has(`out.step.${name}`)) await checks.integers(`out.step.${name}`, count);
  }
}
