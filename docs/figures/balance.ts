/**
 * `deno task balance`: what keeps experts equally busy. Trains a nano DSMoE from routers that are skewed towards two
 * experts, three times: with nothing against it, with the paper's bias rule, and with an auxiliary loss.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../../cli/command.ts";
import { CPU_FLAGS, cpuOptions } from "../../cli/cpu_flags.ts";
import { ProgressLine } from "../../cli/progress.ts";
import type { Device } from "../../engine/device/device.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../../engine/device/open.ts";
import { scale } from "../../kernels/elementwise/mod.ts";
import { layernorm } from "../../kernels/layernorm/mod.ts";
import { sumTo } from "../../kernels/reduce/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { createModel } from "../../models/create.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { balancePlot, type BalanceSeries, worstLoadRatio } from "../../train/balance_plot.ts";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import { sampleBatch, type TrainingDataset } from "../../train/dataset/mod.ts";
import { Trainer } from "../../train/loop.ts";
import type { MetricsRecord } from "../../train/metrics_log.ts";
import { openTrainingData } from "../../train/run.ts";

const COMMAND: Command = {
  name: "balance",
  summary:
    "Train a nano DSMoE from skewed routers with each way of balancing, and plot the load of its experts.",
  flags: [
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...CPU_FLAGS,
    { name: "out", value: "FILE.png", help: "the plot (default docs/figures/balance.png)" },
  ],
};

/** Steps of a run, and steps between measurements. */
const STEPS = 300;
const WINDOW = 10;

/** Logit that the average token starts with at each of the first two experts. */
const SKEW = 10;

/** Largest load over the mean that counts as balanced. */
const TARGET = 1.5;

/** How a run balances its experts. */
export interface Balancing {
  /** Step of the bias rule. */
  readonly balance_rate: number;
  /** Weight of the auxiliary loss. */
  readonly aux_loss_alpha: number;
}

const RUNS: Readonly<Record<string, Balancing>> = {
  "none": { balance_rate: 0, aux_loss_alpha: 0 },
  "bias rule, 0.001": { balance_rate: 0.001, aux_loss_alpha: 0 },
  "auxiliary loss, 0.01": { balance_rate: 0, aux_loss_alpha: 0.01 },
};

/** Trains from skewed routers; gives the load of the experts, step by step. */
export async function balanceRun(
  device: Device,
  config: TrainConfig,
  dataset: TrainingDataset,
  onMetrics: (record: MetricsRecord) => void = () => {},
): Promise<MetricsRecord[]> {
  const model = createModel(config);
  using params = model.params;
  params.allocate(device);
  params.initialize(config.train.seed);
  await skewRouters(device, model, dataset);
  using trainer = await Trainer.create(device, model, dataset, config);
  using optimizer = trainer.step.optimizer;
  optimizer.startEma();
  const records: MetricsRecord[] = [];
  await trainer.run(0, {
    onMetrics: (record) => onMetrics(records[records.push(record) - 1]),
    onCheckpoint: () => Promise.resolve(),
    onPreview: () => Promise.resolve(),
    shouldStop: () => false,
  });
  return records;
}

/**
 * Moves the first two rows of every router along the mean of what it sees. At the start every block passes its input
 * on, so that all routers see the normalised patches.
 */
async function skewRouters(device: Device, model: DiffusionModel, dataset: TrainingDataset): Promise<void> {
  const mean = await meanToken(device, model, dataset);
  const square = mean.reduce((sum, value) => sum + value * value, 0);
  for (const parameter of model.params.all) {
    if (!parameter.name.endsWith(".gate.weight")) continue;
    const rows = await parameter.tensor.read() as Float32Array<ArrayBuffer>;
    for (let i = 0; i < 2 * mean.length; i++) rows[i] += SKEW * mean[i % mean.length] / square;
    parameter.tensor.write(rows);
  }
}

/** The mean of normalised patches over noisy images of all times, `f32[D]`. */
async function meanToken(
  device: Device,
  model: DiffusionModel,
  dataset: TrainingDataset,
): Promise<Float32Array> {
  using _scope = device.scope();
  const batchSize = 16;
  const { x, y } = sampleBatch(dataset, { seed: 1, step: 0, batchSize });
  const times = Float32Array.from({ length: batchSize }, (_, i) => (i + 0.5) / batchSize);
  const { in_channels: channels, input_size: size } = model.config.model;
  const images = device.tensor([batchSize, channels, size, size], x);
  const labels = device.tensor([batchSize], y);
  let patches = images;
  model.forward(images, device.tensor([batchSize], times), labels, (name, tensor) => {
    if (name === "x_embedded") patches = tensor; // f32[B, T, D]
  });
  const width = patches.shape[2];
  const tokens = layernorm(reshape(patches, [patches.size / width, width])); // f32[B * T, D]
  return await scale(sumTo(tokens, [1, width]), width / patches.size).read() as Float32Array;
}

/** The nano preset with a way of balancing. */
function nanoConfig(balancing: Balancing): TrainConfig {
  const nano = trainConfigOf("dsmoe-nano") as Extract<TrainConfig, { family: "dsmoe" }>;
  return {
    ...nano,
    moe: { ...nano.moe, ...balancing },
    train: { ...nano.train, steps: STEPS, log_every: WINDOW, checkpoint_every: STEPS, preview_every: 0 },
  };
}

async function balance(line: CommandLine): Promise<void> {
  const out = line.text("out") ?? "docs/figures/balance.png";
  using device = await openDevice(line.text("device"), cpuOptions(line));
  say(describeDevice(device));
  const progress = new ProgressLine();
  const series: BalanceSeries[] = [];
  for (const [name, balancing] of Object.entries(RUNS)) {
    const { config, dataset } = await openTrainingData(nanoConfig(balancing));
    const records = await balanceRun(device, config, dataset, (record) => {
      progress.show(`${name}: step ${record.step}, largest load ${worstLoadRatio(record).toFixed(2)} x mean`);
    });
    progress.end();
    const below = records.find((record) => worstLoadRatio(record) < TARGET)?.step ?? "never";
    const { loss } = records[records.length - 1];
    const last = worstLoadRatio(records[records.length - 1]).toFixed(2);
    say(
      `${name}: largest load ${last} x mean at step ${STEPS}, first below ${TARGET}: ${below}, loss ${
        loss.toFixed(3)
      }`,
    );
    series.push({ name, records });
  }
  const subtitle = `dsmoe-nano on emoji, routers skewed towards two of eight experts; worst layer, ` +
    `means of ${WINDOW} steps`;
  await Deno.writeFile(out, await balancePlot(series, { subtitle, target: TARGET }));
  say(`plot in ${out}`);
}

if (import.meta.main) Deno.exit(await runCommand(COMMAND, Deno.args, balance));
