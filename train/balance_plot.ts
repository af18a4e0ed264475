import { DataError } from "../engine/core/errors.ts";
import { CHART_COLORS, type ChartSize, frame, renderChart, valueAxis } from "../eval/mod.ts";
import type { MetricsRecord } from "./metrics_log.ts";

/** One curve: the records of a run, all layers or one. */
export interface BalanceSeries {
  /** Name in the legend, such as "bias rule". */
  readonly name: string;
  /** Lines of the run's `metrics.jsonl`. */
  readonly records: readonly Pick<MetricsRecord, "step" | "experts">[];
}

/** What the plot shows besides the load. */
export interface BalancePlotOptions extends ChartSize {
  /** "Load of the busiest expert" unless given. */
  readonly title?: string;
  /** A smaller line under the title. */
  readonly subtitle?: string;
  /** A ratio to mark with a dashed line, such as what is wanted of a balanced run. */
  readonly target?: number;
}

const COLORS: readonly string[] = ["#1d4ed8", "#d97706", "#059669", "#be185d", "#7c3aed", "#0e7490"];

/**
 * How many times the mean load the busiest expert of the worst layer got: 1 is perfect balance, E over k is one set of
 * experts for all tokens.
 */
export function worstLoadRatio({ experts }: Pick<MetricsRecord, "experts">): number {
  return Math.max(0, ...experts.map(({ max_share, shares }) => max_share * shares.length));
}

/**
 * Draws the ratio of the largest to the mean load of an expert over the steps, one line a run, worst layer of each.
 *
 * @returns the bytes of a PNG file
 * @throws {DataError} when no record has a routed layer
 */
export async function balancePlot(
  series: readonly BalanceSeries[],
  options: BalancePlotOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const routed = series.map(({ name, records }) => ({
    name,
    points: records.filter(({ experts }) => experts.length > 0)
      .map((record): [number, number] => [record.step, worstLoadRatio(record)]),
  }));
  if (routed.every(({ points }) => points.length === 0)) {
    throw new DataError(`Cannot plot the balance: a routed layer wanted, got none in ${series.length} runs`);
  }
  return await renderChart(chartOption(routed, options), options);
}

function chartOption(
  series: readonly { name: string; points: readonly [number, number][] }[],
  options: BalancePlotOptions,
): Record<string, unknown> {
  const { title = "Load of the busiest expert", subtitle, target } = options;
  const last = Math.max(...series.flatMap(({ points }) => points.map(([step]) => step)));
  return {
    ...frame(title, subtitle),
    xAxis: { ...valueAxis("Step", 32), min: 0, max: last, splitLine: { show: false } },
    yAxis: { ...valueAxis("Largest load over mean load", 48), min: 1 },
    series: series.map(({ name, points }, i) => ({
      type: "line",
      name,
      data: points,
      showSymbol: points.length === 1,
      lineStyle: { color: COLORS[i % COLORS.length], width: 2.5 },
      itemStyle: { color: COLORS[i % COLORS.length] },
      ...i === 0 && target !== undefined ? { markLine: targetLine(target) } : {},
    })),
  };
}

function targetLine(target: number): Record<string, unknown> {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: CHART_COLORS.faint, type: "dashed", width: 1.5 },
    label: { formatter: String(target), position: "insideEndTop", color: CHART_COLORS.faint },
    data: [{ yAxis: target }],
  };
}
