import { DataError } from "../engine/core/errors.ts";
import { CHART_COLORS, frame, renderChart, valueAxis } from "../eval/mod.ts";

/** One point of a training curve. */
export interface LossRecord {
  /** Training step. */
  readonly step: number;
  /** Loss of the step, or its mean since the last record. */
  readonly loss: number;
  /** Learning rate; drawn on an axis of its own where `showLearningRate` is set. */
  readonly lr?: number;
}

/** What the plot shows besides the loss. */
export interface LossPlotOptions {
  /** "Training loss" unless given. */
  readonly title?: string;
  /** A smaller line under the title, such as preset, device and date. */
  readonly subtitle?: string;
  /** Number of records over which the smooth line averages; a fortieth of them, at least 5, unless given. */
  readonly smoothing?: number;
  /** Draws the learning rate on an axis at the right. */
  readonly showLearningRate?: boolean;
  /** Width of the picture in pixels; 1600 unless given. */
  readonly width?: number;
  /** Height of the picture in pixels; 900 unless given. */
  readonly height?: number;
}

type Point = [step: number, value: number];

const COLORS = { raw: "#b9cdf2", smooth: "#1d4ed8", rate: "#d97706" } as const;

/**
 * Draws a training curve: loss against step as a thin line, its moving average as a thick one, and the
 * learning rate where asked for. Records with a loss that is not finite are left out.
 *
 * @returns the bytes of a PNG file
 * @throws {DataError} when no record has a finite loss
 */
export async function lossPlot(
  records: readonly LossRecord[],
  options: LossPlotOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const usable = records.filter(({ loss }) => Number.isFinite(loss));
  if (usable.length === 0) {
    throw new DataError(`Cannot plot the loss: a finite value wanted, got none in ${records.length} records`);
  }
  return await renderChart(chartOption(usable, options), options);
}

/**
 * Centred moving average over about `window` values, which does not lag behind a falling curve. At the start,
 * where a loss is steep, the window shrinks on both sides alike; at the end, where it is noisy, on the right
 * side only.
 */
export function smooth(values: readonly number[], window: number): number[] {
  const sums = [0];
  for (const value of values) sums.push(sums[sums.length - 1] + value);
  return values.map((_, i) => {
    const reach = Math.min(Math.floor(window / 2), i);
    const from = i - reach;
    const to = Math.min(i + reach + 1, values.length);
    return (sums[to] - sums[from]) / (to - from);
  });
}

function chartOption(records: readonly LossRecord[], options: LossPlotOptions): Record<string, unknown> {
  const raw = records.map(({ step, loss }): Point => [step, loss]);
  const smoothing = options.smoothing ?? Math.max(5, records.length / 40);
  const averages = smooth(records.map(({ loss }) => loss), smoothing);
  const rates = records.flatMap(({ step, lr }): Point[] => lr === undefined ? [] : [[step, lr]]);
  const withRate = options.showLearningRate === true && rates.length > 0;
  return {
    ...frame(options.title ?? "Training loss", options.subtitle, withRate ? 84 : 32),
    xAxis: stepAxis(records),
    yAxis: [{ ...valueAxis("Loss", 48), scale: true }, ...(withRate ? [rateAxis()] : [])],
    series: [
      line("Loss", raw, COLORS.raw, 1),
      line("Moving average", averages.map((value, i): Point => [records[i].step, value]), COLORS.smooth, 2.5),
      ...(withRate ? [{ ...line("Learning rate", rates, COLORS.rate, 1.5), yAxisIndex: 1 }] : []),
    ],
  };
}

function stepAxis(records: readonly LossRecord[]): Record<string, unknown> {
  const steps = records.map(({ step }) => step);
  const first = steps.reduce((a, b) => Math.min(a, b));
  const last = steps.reduce((a, b) => Math.max(a, b));
  // A run counted from its start begins the axis at 0, where round ticks fall; a later part of a run does
  // not.
  return {
    ...valueAxis("Step", 32),
    min: first <= last / 20 || first === last ? 0 : first,
    max: last,
    splitLine: { show: false },
  };
}

function rateAxis(): Record<string, unknown> {
  return {
    ...valueAxis("Learning rate", 62),
    min: 0,
    splitLine: { show: false },
    axisLabel: {
      fontSize: 12,
      color: CHART_COLORS.faint,
      formatter: (rate: number) => rate === 0 ? "0" : rate.toExponential(1),
    },
  };
}

function line(name: string, data: readonly Point[], color: string, width: number): Record<string, unknown> {
  return {
    type: "line",
    name,
    data,
    showSymbol: data.length === 1,
    // Keeps the shape of a curve with more points than the picture has pixels.
    sampling: "lttb",
    lineStyle: { color, width },
    itemStyle: { color },
  };
}
