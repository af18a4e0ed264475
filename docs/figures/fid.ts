/**
 * `deno task fid`: trains the nano model, stopping three times to score its samples in features of the classifier that
 * `evaluate --self` trains, and plots both figures over the steps.
 *
 * @module
 */
import { join } from "@std/path";
import { type Command, type CommandLine, runCommand, say } from "../../cli/command.ts";
import { DEVICE_NAMES } from "../../engine/device/open.ts";
import { DataError } from "../../engine/core/errors.ts";
import { main as evaluate } from "../../eval/evaluate/main.ts";
import { type EvaluationReport, readReport } from "../../eval/evaluate/report.ts";
import { CHART_COLORS, frame, renderChart, valueAxis } from "../../eval/mod.ts";
import { main as train } from "../../train/main.ts";

const COMMAND: Command = {
  name: "fid",
  summary: "Train the nano model, score three of its checkpoints with evaluate --self, and plot the scores.",
  flags: [
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    { name: "run", value: "DIR", help: "folder of the run and its reports (default runs/fid)" },
    { name: "out", value: "FILE.png", help: "the plot (default docs/figures/fid.png)" },
  ],
};

/** Steps at which the samples are scored. */
const STEPS = [100, 300, 900];
const SCORED = ["--self", "--num", "1000", "--steps", "25"];

/** Scores of one checkpoint. */
interface Score {
  readonly step: number;
  readonly fid: number;
  readonly inceptionScore: number;
}

function scoreOf(step: number, { metrics }: EvaluationReport): Score {
  const value = (start: string) => metrics.find(({ name }) => name.startsWith(start))!.value;
  return { step, fid: value("FID"), inceptionScore: value("IS") };
}

async function plot(line: CommandLine): Promise<void> {
  const run = line.text("run") ?? "runs/fid", out = line.text("out") ?? "docs/figures/fid.png";
  const device = line.text("device") ?? "auto";
  const scores: Score[] = [];
  for (const [i, step] of STEPS.entries()) {
    const folder = i === 0 ? ["--out", run] : ["--resume", run];
    await succeed(train([...folder, "--steps", `${step}`, "--train.preview_every=0", "--device", device]));
    const report = join(run, `step-${step}`);
    const checkpoint = join(run, "checkpoint.safetensors");
    await succeed(evaluate(["--checkpoint", checkpoint, "--out", report, ...SCORED, "--device", device]));
    scores.push(scoreOf(step, (await readReport(report))!));
  }
  await Deno.writeFile(out, await renderChart(chartOf(scores), {}));
  for (const { step, fid, inceptionScore } of scores) {
    say(`step ${step}: FID ${fid.toFixed(2)}, IS ${inceptionScore.toFixed(3)}, in the classifier's features`);
  }
  say(`plot in ${out}`);
}

async function succeed(command: Promise<number>): Promise<void> {
  if (await command !== 0) throw new DataError("Cannot go on: the line above says why");
}

function chartOf(scores: readonly Score[]): Record<string, unknown> {
  const curve = (name: string, color: string, axis: number, of: (score: Score) => number) => ({
    name,
    type: "line",
    yAxisIndex: axis,
    color,
    symbol: "circle",
    symbolSize: 9,
    lineStyle: { width: 3 },
    label: {
      position: "right",
      show: true,
      fontSize: 13,
      color: CHART_COLORS.text,
      formatter: (point: { value: number[] }) => `${point.value[1].toFixed(2)}`,
    },
    data: scores.map((score) => [score.step, of(score)]),
  });
  const head = frame(
    "Samples get closer to the data",
    "dsmoe-nano on emoji, 1,000 samples, 25 Euler steps, CFG 1.5; features of tessera-classifier-v1, not FID-50K",
    88,
  );
  return {
    ...head,
    xAxis: { ...valueAxis("step", 32), max: 100 * Math.ceil(STEPS[STEPS.length - 1] / 100 + 1) },
    yAxis: [
      valueAxis("FID (tessera-classifier-v1)", 48),
      { ...valueAxis("Inception Score", 40), scale: true, splitLine: { show: false } },
    ],
    series: [
      curve("FID", "#1d4ed8", 0, ({ fid }) => fid),
      curve("Inception Score", "#d97706", 1, ({ inceptionScore }) => inceptionScore),
    ],
  };
}

if (import.meta.main) Deno.exit(await runCommand(COMMAND, Deno.args, plot));
