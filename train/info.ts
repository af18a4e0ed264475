/**
 * `deno task info`: what a model is and what it takes to train it, without training it.
 *
 * @module
 */
import { dump } from "js-yaml";
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import { ConfigError, DataError } from "../engine/core/errors.ts";
import { describeModel, type ModelInfo, type ParameterGroup } from "../models/info.ts";
import type { TrainConfig } from "./config.ts";
import { formatPresets } from "./presets_table.ts";
import { decimals, type Row, table, whole } from "./table.ts";
import { emojiSource, folderSource, type ImageSource } from "./dataset/mod.ts";
import { freshConfig, PRECISION_FLAG, RECOMPUTE_FLAG } from "./main.ts";
import { LEAST_LIMITS, limitProblem, unavoidable } from "./requirements.ts";
import { planTraining, type TrainingPlan } from "./training_plan.ts";

/** The command line of `deno task info`. */
export const COMMAND: Command = {
  name: "info",
  summary:
    "Print a configuration, its parameters, its work, and the memory that training takes. Nothing is allocated.",
  overrides: true,
  flags: [
    { name: "preset", value: "NAME", help: "configuration to start from (default dsmoe-nano)" },
    { name: "config", value: "FILE.yaml", help: "fields that differ from the preset" },
    { name: "all", help: "every preset in one table, with the published results" },
    { name: "data", value: "DIR", help: "folder with one subfolder of PNG files a class (default: emoji)" },
    { name: "batch", value: "N", help: "images of one forward pass (default: the preset's)" },
    RECOMPUTE_FLAG,
    PRECISION_FLAG,
    { name: "device", value: "NAME", help: "plan memory for webgpu (default) or cpu" },
  ],
};

/** Where images come from, or why that is not known. */
export type DataInfo = ImageSource | { readonly problem: string };

/** Everything that `info` prints. */
export interface Info {
  /** Preset, file and options together. */
  readonly config: TrainConfig;
  /** Parameters and work of one image. */
  readonly model: ModelInfo;
  /** Work and memory of one step. */
  readonly plan: TrainingPlan;
  /** The device that memory was planned for. */
  readonly device: "webgpu" | "cpu";
  /** What an adapter with the least limits of WebGPU cannot do, in lines for people. */
  readonly limits: readonly string[];
  /** The images. */
  readonly data: DataInfo;
}

/** Runs `deno task info`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, async (line: CommandLine) => {
    if (line.has("all")) return say(formatPresets());
    const device = deviceOf(line.text("device") ?? "webgpu");
    say(formatInfo(await describeTraining(await freshConfig(line), device)));
  });
}

function deviceOf(name: string): "webgpu" | "cpu" {
  if (name === "webgpu" || name === "cpu") return name;
  throw new ConfigError(`Cannot plan memory for device "${name}": wanted webgpu or cpu`);
}

/**
 * Gathers what is known of a training run before it starts. The images are listed, not decoded.
 *
 * @throws {ConfigError} when the configuration is not valid
 * @throws {DataError} when the configuration names a folder that cannot be used
 */
export async function describeTraining(config: TrainConfig, device: "webgpu" | "cpu"): Promise<Info> {
  const model = describeModel(config);
  const data = await dataOf(config.data.source);
  const plan = await planTraining(config, { kind: device });
  return { config, model, plan, device, limits: await limitLines(config, device, plan), data };
}

async function dataOf(source: string): Promise<DataInfo> {
  if (source !== "emoji") return await folderSource(source);
  try {
    return await emojiSource();
  } catch (error) {
    // The emoji need the network once; everything else that is printed does not.
    if (error instanceof DataError) return { problem: error.message };
    throw error;
  }
}

/** The text that `info` prints, a topic a paragraph. */
export function formatInfo(info: Info): string {
  return [
    ...titled("configuration, as --config takes it", dump(info.config).trimEnd().split("\n")),
    ...titled("parameters", groupTable(info.model.groups)),
    ...titled(
      "parameter counts (the published table counts DSMoE in 2^20 and its baselines in 10^6)",
      countTable(info.model),
    ),
    ...titled("work", workLines(info)),
    ...titled(
      `training memory, batch ${info.config.train.batch_size} on ${info.device}`,
      [...memoryLines(info.plan), ...info.limits],
    ),
    ...titled("data", dataLines(info)).slice(0, -1),
  ].join("\n");
}

function titled(title: string, lines: readonly string[]): string[] {
  return [title, ...lines.map((line) => `  ${line}`), ""];
}

function groupTable(groups: readonly ParameterGroup[]): string[] {
  const head: Row = ["name", "initial values", "shape of each", "entries", "elements"];
  const rows = groups.map(({ pattern, spec, entries, count, init, kind }): Row => [
    kind === "trainable" ? pattern : `${pattern} (${kind})`,
    init,
    spec,
    whole(entries),
    whole(count),
  ]);
  return table([head, ...rows], 2);
}

function countTable({ counts }: ModelInfo): string[] {
  const row = (name: string, count: number): Row => [
    name,
    whole(count),
    `${decimals(count / 1e6, 2)} x 10^6`,
    `${decimals(count / 2 ** 20, 2)} x 2^20`,
  ];
  return table([
    row("total", counts.total),
    row("trainable", counts.trainable),
    row("activated a token", counts.activated),
  ], 1);
}

function workLines({ config, model, plan }: Info): string[] {
  const { linear, experts, attention, total } = model.forwardFlops;
  const parts = `linear ${operations(linear)}, routed experts ${operations(experts)}, attention ${
    operations(attention)
  }`;
  const { batch_size: batch } = config.train;
  const forward = plan.forward.flops / batch;
  const step = plan.step.flops / plan.images;
  return [
    ...table(
      [
        ["forward, one image", operations(total), "matrix products by formula"],
        ["", operations(forward), "all kernels by their own cost, expert tiles padded"],
        ["training, one image", operations(step), `${(step / forward).toFixed(2)} times the forward pass`],
        ["training step", operations(plan.step.flops), `${whole(plan.images)} images`],
      ].map(([name, count, note]) => [name, note, count]),
      2,
    ),
    `of the products: ${parts}`,
    `a step is ${whole(plan.calls)} kernel calls in ${whole(plan.launches)} launches`,
  ];
}

function memoryLines({ memory, largestBuffer }: TrainingPlan): string[] {
  const row = (name: string, bytes: number): Row => [name, whole(bytes), mebibytes(bytes)];
  const least = unavoidable(memory);
  return [
    ...table([
      ["", "bytes", ""],
      row("weights and buffers", memory.weights),
      row("gradients", memory.gradients),
      row("AdamW moments", memory.moments),
      row("EMA", memory.ema),
      row("activations and scratch, planned", memory.activations),
      row("batch, tables, counters", memory.other),
      row("total", memory.total),
      row("activations kept for the backward pass", memory.kept),
      row("these, weights, gradients, moments and EMA", least),
      row("largest single buffer", largestBuffer),
    ], 1),
    `the total is ${decimals(memory.total / least, 3)} of what has to be kept at once`,
  ];
}

/** What no adapter is sure to offer; nothing where every adapter can run the plan. */
async function limitLines(config: TrainConfig, device: string, plan: TrainingPlan): Promise<string[]> {
  const problem = device === "webgpu" && await limitProblem(config, plan, LEAST_LIMITS);
  return problem ? [`an adapter with the least limits of WebGPU cannot run this: ${problem}`] : [];
}

function dataLines({ config, data }: Info): string[] {
  if ("problem" in data) return [data.problem];
  const { model } = config;
  const lines = [
    `${data.name} from ${data.location}: ${whole(data.files.length)} images`,
    `licence: ${data.licence}`,
    `${data.classNames.length} labels: ${
      data.classNames.map((name, label) => `${label} ${name}`).join(", ")
    }`,
  ];
  if (model.in_channels !== 3) {
    lines.push(
      `these images have 3 channels and the model takes ${model.in_channels}: set --model.in_channels=3 to train on them`,
    );
  }
  return lines;
}

function mebibytes(bytes: number): string {
  return `${decimals(bytes / 2 ** 20, 1)} MiB`;
}

/** Floating-point operations in the largest unit that leaves a number of at least one. */
function operations(count: number): string {
  const [unit, name] = count >= 1e12 ? [1e12, "TFLOP"] : count >= 1e9 ? [1e9, "GFLOP"] : [1e6, "MFLOP"];
  return `${decimals(count / unit, 2)} ${name}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
