import { differentiate } from "../../../engine/autodiff/backward.ts";
import type { Parameter } from "../../../engine/params/param_store.ts";
import type { Program } from "../../../engine/program/program.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { add } from "../../../kernels/elementwise/mod.ts";
import { GRADIENT_OPS } from "../../../kernels/grad.ts";
import type { DiffusionModel } from "../../../models/model.ts";
import { moveBuffers } from "../../../models/moe/moving_buffer.ts";
import { AdamW, type AdamwOptions, weightDecayGroups } from "../../../train/optimizer.ts";
import { type CaseContext, type CaseRunner, loadParameters } from "../case.ts";
import type { Fields } from "../fields.ts";
import { modelOf } from "../models.ts";
import { compareTraining } from "../training.ts";
import { constantsOf } from "./optim.ts";

const INPUTS = ["x", "noise", "t", "y"] as const;
type Inputs = Readonly<Record<typeof INPUTS[number] | "random", Tensor>>;

/** Families whose reported loss holds the auxiliary one. */
const REPORTS_AUXILIARY: readonly string[] = ["diffmoe"];

/** Some optimizer steps on fixed batches, recorded once and replayed as training does. */
export const runTrajectory: CaseRunner = async (context) => {
  const { device, golden } = context;
  const model = modelOf(golden);
  using params = model.params;
  await loadParameters(context, params);
  const optim = golden.config.section("optim");
  optim.choice("name", ["AdamW"]);
  const rate = device.tensor([1], Float32Array.of(optim.number("lr")));
  const averages = averagesOf(golden.config, optim);
  const weightDecay = decayOf(context, params.trainable, optim.number("weight_decay"));
  using optimizer = new AdamW(device, params, { ...constantsOf(optim), ...averages, weightDecay });
  optim.finish();
  optimizer.startEma();
  const inputs = await inputsOf(context);
  const reportsAuxiliary = REPORTS_AUXILIARY.includes(golden.family);
  using program = await device.record(
    "trajectory step",
    () => step(model, optimizer, rate, inputs, reportsAuxiliary),
  );
  await replay(context, program, inputs);
  await compareTraining(context, params, optimizer, averages);
};

/** Averages of DSMoE are the optimizer's, and hold buffers; those of JiT are the denoiser's, and do not. */
function averagesOf(
  config: Fields,
  optim: Fields,
): Required<Pick<AdamwOptions, "emaDecay" | "emaDecay2" | "emaBuffers">> {
  const emaDecay = optim.optionalNumber("ema_decay");
  if (!config.has("denoiser")) return { emaDecay, emaDecay2: null, emaBuffers: true };
  const denoiser = config.section("denoiser");
  return {
    emaDecay: denoiser.optionalNumber("ema_decay1") ?? emaDecay,
    emaDecay2: denoiser.optionalNumber("ema_decay2"),
    emaBuffers: false,
  };
}

/** The decay of each parameter; the rule for who is exempt is checked against the file's list. */
function decayOf(
  { golden, checks }: CaseContext,
  trainable: readonly Parameter[],
  decay: number,
): AdamwOptions["weightDecay"] {
  if (!golden.config.has("no_weight_decay")) return decay;
  const decays = weightDecayGroups(1);
  const exempt = trainable.filter((parameter) => decays(parameter) === 0).flatMap((parameter) =>
    parameter.entries().map(({ name }) => name)
  );
  const want = new Set(golden.config.names("no_weight_decay"));
  checks.counted("config.no_weight_decay", new Set(exempt).symmetricDifference(want).size);
  return weightDecayGroups(decay);
}

async function inputsOf({ device, golden }: CaseContext): Promise<Inputs> {
  // No golden file has dropout, so that nothing is drawn from the seed.
  const entries: [string, Tensor][] = [["random", device.tensor([3], new Uint32Array(3))]];
  for (const name of INPUTS) {
    const first = await golden.read(`in.${name}.0`);
    entries.push([name, device.tensor(golden.shape(`in.${name}.0`), first)]);
  }
  return Object.fromEntries(entries) as Inputs;
}

function step(
  model: DiffusionModel,
  optimizer: AdamW,
  rate: Tensor,
  { x, noise, t, y, random }: Inputs,
  reportsAuxiliary: boolean,
): Record<string, Tensor> {
  const { params, objective } = model;
  const watched = params.trainable.map(({ tensor }) => tensor);
  const { value: { loss, routings }, gradients } = differentiate(GRADIENT_OPS, watched, () => {
    const batch = { x, noise, t };
    const z = objective.pathPoint(batch);
    const { out, routings, auxiliary } = model.forward(z, t, y, undefined, { random, stream: 0 });
    const loss = objective.loss(out, z, batch);
    const root = auxiliary ? add(loss, auxiliary) : loss;
    return { value: { loss: reportsAuxiliary ? root : loss, routings }, root };
  });
  const { gradNorm, gate } = optimizer.step(gradients, loss, rate, routings);
  moveBuffers(routings, gate);
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
  if (golden.has("out.expert_hits")) await checks.integers("out.expert_hits", hits);
}
