import type { Parameter } from "../../../engine/params/param_store.ts";
import type { Program } from "../../../engine/program/program.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { Dsmoe } from "../../../models/dsmoe/dsmoe.ts";
import type { Routing } from "../../../models/moe/sparse_moe.ts";
import { AdamW } from "../../../train/optimizer.ts";
import { type CaseContext, type CaseRunner, loadParameters } from "../case.ts";
import { dsmoeConfigOf } from "../dsmoe_config.ts";
import { compareTraining } from "../training.ts";
import { constantsOf } from "./optim.ts";

const INPUTS = ["x", "noise", "t", "y"] as const;
type Inputs = Readonly<Record<typeof INPUTS[number], Tensor>>;

/** Some optimizer steps on fixed batches, recorded once and replayed as training does. */
export const runTrajectory: CaseRunner = async (context) => {
  const { device, golden } = context;
  const model = new Dsmoe(dsmoeConfigOf(golden.config));
  using params = model.params;
  await loadParameters(context, params);
  const optim = golden.config.section("optim");
  optim.choice("name", ["AdamW"]);
  const emaDecay = optim.optionalNumber("ema_decay");
  const [weightDecay, rate] = [optim.number("weight_decay"), optim.number("lr")];
  const exempt = new Set(golden.config.names("no_weight_decay"));
  const decayOf = ({ name }: Parameter) => exempt.has(name) ? 0 : weightDecay;
  using optimizer = new AdamW(device, params, { ...constantsOf(optim), weightDecay: decayOf, emaDecay });
  optim.finish();
  await optimizer.startEma();
  const hyper = device.tensor([1], Float32Array.of(rate));
  const inputs = await inputsOf(context);
  using program = await device.record("trajectory step", () => step(model, optimizer, hyper, inputs));
  await replay(context, program, inputs);
  await compareTraining(context, params, optimizer, emaDecay);
};

async function inputsOf({ device, golden }: CaseContext): Promise<Inputs> {
  const entries: [string, Tensor][] = [];
  for (const name of INPUTS) {
    const first = await golden.read(`in.${name}.0`);
    entries.push([name, device.tensor(golden.shape(`in.${name}.0`), first)]);
  }
  return Object.fromEntries(entries) as Inputs;
}

function step(
  model: Dsmoe,
  optimizer: AdamW,
  rate: Tensor,
  { x, noise, t, y }: Inputs,
): Record<string, Tensor> {
  let routings: readonly Routing[] = [];
  const watched = model.params.trainable.map(({ tensor }) => tensor);
  const { loss, gradients } = valueAndGradients(watched, () => {
    const batch = { x, noise, t };
    const z = model.objective.pathPoint(batch);
    const output = model.forward(z, t, y);
    routings = output.routings;
    return model.objective.loss(output.out, z, batch);
  });
  const { gradNorm, gate } = optimizer.step(gradients, loss, rate, routings);
  optimizer.averageBuffers(gate);
  const hits = routings.map(({ counts }, layer) => [`layer ${layer}`, counts] as const);
  return { loss, gradNorm, ...Object.fromEntries(hits) };
}

async function replay({ golden, checks }: CaseContext, program: Program, inputs: Inputs): Promise<void> {
  const [losses, norms, hits]: [number[], number[], number[]] = [[], [], []];
  const { loss, gradNorm, ...layers } = program.results;
  for (let i = 0; i < golden.config.number("steps"); i++) {
    for (const name of INPUTS) inputs[name].write(await golden.read(`in.${name}.${i}`));
    program.run();
    losses.push((await loss.read())[0]);
    norms.push((await gradNorm.read())[0]);
    for (const counts of Object.values(layers)) hits.push(...await counts.read());
  }
  await checks.values("losses", losses, "loss");
  await checks.values("grad_norms", norms, "loss");
  await checks.integers("out.expert_hits", hits);
}
