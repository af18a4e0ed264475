import { join } from "@std/path";
import { CHART_COLORS, frame, renderChart, valueAxis } from "../chart.ts";
import type { Metric } from "./metrics.ts";
import { type EvaluationReport, formatMetric, tableOf, writeText } from "./report.ts";
import type { Combination } from "./sweep.ts";

/** One evaluation of a sweep and what came of it. */
export interface SweepResult {
  /** Which. */
  readonly combination: Combination;
  /** What came of it. */
  readonly report: EvaluationReport;
}

/** Files of a sweep's folder. */
export const SWEEP_FILES = { json: "sweep.json", markdown: "sweep.md", plot: "sweep.png" } as const;

const LINE_COLORS = ["#1d4ed8", "#d97706", "#059669", "#be185d", "#7c3aed", "#0e7490"];

/** The Fréchet distance comes first in every report. */
const fidOf = ({ report }: SweepResult): Metric => report.metrics[0];

/** The combination with the smallest Fréchet distance. */
function bestOf(results: readonly SweepResult[]): SweepResult {
  return results.reduce((best, result) => fidOf(result).value < fidOf(best).value ? result : best);
}

/** One line for people: which combination is the best. */
export function bestText(results: readonly SweepResult[]): string {
  const best = bestOf(results);
  return `best of ${results.length}: ${best.combination.label}, ${fidOf(best).name} ${
    formatMetric(fidOf(best))
  }`;
}

/**
 * Writes the table, the plot and the figures of a sweep.
 *
 * @throws {CheckpointError} when they cannot be written
 */
export async function writeSweep(folder: string, results: readonly SweepResult[]): Promise<void> {
  await Deno.writeFile(join(folder, SWEEP_FILES.plot), await sweepPlot(results));
  await writeText(join(folder, SWEEP_FILES.markdown), sweepMarkdown(results));
  const evaluations = results.map(({ combination, report }) => ({
    label: combination.label,
    ...combination.values,
    metrics: report.metrics.map(({ name, value, deviation }) => ({ name, value, deviation })),
    folder: combination.options.out,
  }));
  const json = { best: bestOf(results).combination.label, evaluations };
  await writeText(join(folder, SWEEP_FILES.json), `${JSON.stringify(json, null, 2)}\n`);
}

function sweepMarkdown(results: readonly SweepResult[]): string {
  const [{ combination, report }] = results;
  const swept = Object.keys(combination.values);
  const best = bestOf(results);
  return [
    `# Sweep of ${swept.join(", ")} for ${report.files[0].path}`,
    "",
    ...tableOf(
      [...swept, ...report.metrics.map(({ name }) => name), ""],
      results.map((result) => [
        ...Object.values(result.combination.values).map(String),
        ...result.report.metrics.map(formatMetric),
        result === best ? "best" : "",
      ]),
    ),
    "",
    `${bestText(results)}. Each evaluation has a folder of its own with a report that says how it was made.`,
    "",
    `![The sweep](${SWEEP_FILES.plot})`,
    "",
  ].join("\n");
}

/**
 * Draws the Fréchet distance against the swept option with most values, one line for each setting of the others.
 *
 * @returns the bytes of a PNG file
 */
async function sweepPlot(results: readonly SweepResult[]): Promise<Uint8Array<ArrayBuffer>> {
  const axis = axisOf(results);
  const points = results.map((result) => ({
    x: result.combination.values[axis],
    y: fidOf(result).value,
    line: Object.entries(result.combination.values).filter(([name]) => name !== axis)
      .map(([name, value]) => `${name}=${value}`).join(" ") || fidOf(result).name,
  }));
  const positions = [...new Set(points.map(({ x }) => x))];
  const numbers = positions.every((x) => typeof x === "number");
  const lines = [...new Set(points.map(({ line }) => line))];
  return await renderChart({
    ...frame(`${fidOf(results[0]).name} against ${axis}`, bestText(results)),
    xAxis: numbers
      ? { ...valueAxis(axis, 32), scale: true }
      : { ...valueAxis(axis, 32), type: "category", data: positions.map(String) },
    yAxis: { ...valueAxis(fidOf(results[0]).name, 52), scale: true },
    series: lines.map((name, i) =>
      lineOf(name, points.filter(({ line }) => line === name), LINE_COLORS[i % 6], numbers)
    ),
  }, {});
}

function axisOf(results: readonly SweepResult[]): string {
  const names = Object.keys(results[0].combination.values);
  const count = (name: string) => new Set(results.map(({ combination }) => combination.values[name])).size;
  return names.reduce((most, name) => count(name) > count(most) ? name : most);
}

function lineOf(
  name: string,
  points: readonly { readonly x: number | string; readonly y: number }[],
  color: string,
  numbers: boolean,
): Record<string, unknown> {
  const sorted = numbers ? points.toSorted((a, b) => Number(a.x) - Number(b.x)) : points;
  return {
    type: "line",
    name,
    data: sorted.map(({ x, y }) => [numbers ? x : String(x), y]),
    symbolSize: 8,
    lineStyle: { color, width: 2.5 },
    itemStyle: { color },
    label: { show: true, position: "top", fontSize: 11, color: CHART_COLORS.faint, formatter: labelOf },
  };
}

function labelOf({ value }: { value: [unknown, number] }): string {
  return value[1].toFixed(2);
}
