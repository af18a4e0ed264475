/**
 * `deno task evaluate`: scores a checkpoint or a folder of images.
 *
 * @module
 */
import { join } from "@std/path";
import { type CommandLine, runCommand, say } from "../../cli/command.ts";
import { deviceOptions } from "../../cli/device_flags.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { formatDuration, ProgressLine } from "../../cli/progress.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import { describeDevice, openDevice } from "../../engine/device/open.ts";
import { checkFolder, evaluate, type EvaluationEvents, type EvaluationParts } from "./evaluate.ts";
import { checkpointSource, fileSource } from "./image_source.ts";
import { grouped } from "./metrics.ts";
import { type Judge, openJudge } from "./network.ts";
import { COMMAND, type EvaluateOptions, readOptions } from "./options.ts";
import { requireComparable } from "./reference.ts";
import { EVALUATION_FILES, type EvaluationReport, formatBytes, formatMetric } from "./report.ts";
import { type Combination, combinationsOf } from "./sweep.ts";
import { bestText, SWEEP_FILES, type SweepResult, writeSweep } from "./sweep_report.ts";

/** Opens the network and the reference. */
export type OpenJudge = typeof openJudge;

/**
 * Runs `deno task evaluate`. Returns the exit code.
 *
 * @param open stands in for what opens the network and the reference
 */
export function main(args: readonly string[], open: OpenJudge = openJudge): Promise<number> {
  return runCommand(COMMAND, args, (line) => run(line, open));
}

async function run(line: CommandLine, open: OpenJudge): Promise<void> {
  const options = readOptions(line);
  const combinations = combinationsOf(options, sweepLists(line));
  using device = await openDevice(line.text("device"), deviceOptions(line));
  say(describeDevice(device));
  using owned = new DisposableStack();
  const source = owned.use(
    options.images === undefined
      ? await checkpointSource(device, combinations.map((combination) => combination.options))
      : await fileSource(options.images, options.num),
  );
  const judge: Judge = await open(device, options, source);
  owned.use(judge.network);
  requireComparable(judge.reference, judge.network, options.preprocessing);
  const parts = { device, source, ...judge };
  for (const { options } of combinations) await checkFolder(parts, options);
  say(
    `${
      grouped(source.count)
    } images of ${source.height} x ${source.width}, features of ${judge.network.name}`,
  );
  const results = await evaluateAll(parts, combinations);
  if (results.length < combinations.length) {
    return say(`stopped, the state is in ${options.out}; the same command goes on`);
  }
  if (combinations[0].label !== "") await reportSweep(options, results);
}

function sweepLists(line: CommandLine): string[] {
  const sweep = line.text("sweep");
  if (sweep === undefined && line.positional.length > 0) {
    throw new ConfigError(
      `Cannot use "${line.positional[0]}": evaluate takes options only, or lists after --sweep`,
    );
  }
  return [...sweep?.split(/\s+/) ?? [], ...line.positional].filter((list) => list !== "");
}

/** Evaluates one after the other; fewer results than combinations where it was stopped. */
async function evaluateAll(
  parts: EvaluationParts,
  combinations: readonly Combination[],
): Promise<SweepResult[]> {
  using interrupt = new Interrupt(() => say("\nstopping after this batch"));
  const results: SweepResult[] = [];
  for (const [i, combination] of combinations.entries()) {
    if (interrupt.asked) break;
    const { label, options } = combination;
    if (label !== "") say(`${label} (${i + 1} of ${combinations.length})`);
    const progress = new ProgressLine();
    const events: EvaluationEvents = {
      onProgress: (text) => progress.show(text),
      shouldStop: () => interrupt.asked,
    };
    const report = await evaluate(parts, options, events);
    progress.end();
    if (!report) break;
    results.push({ combination, report });
    tell(report, options);
  }
  return results;
}

function tell(report: EvaluationReport, { out }: EvaluateOptions): void {
  for (const metric of report.metrics) say(`${metric.name}: ${formatMetric(metric)}`);
  const { images: { count }, seconds, peak_memory_bytes: peak } = report;
  say(`${grouped(count)} images in ${formatDuration(seconds)}, ${(count / seconds).toFixed(2)} images/s`);
  say(`peak memory: ${formatBytes(peak)}`);
  say(`report in ${join(out, EVALUATION_FILES.markdown)}`);
}

async function reportSweep({ out }: EvaluateOptions, results: readonly SweepResult[]): Promise<void> {
  await writeSweep(out, results);
  say(`${bestText(results)}; table and plot in ${join(out, SWEEP_FILES.markdown)}`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
