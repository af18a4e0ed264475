import { FONT_FAMILY, svgToPng } from "./svg.ts";

/** Size of a picture in pixels. */
export interface ChartSize {
  /** 1600 unless given. */
  readonly width?: number;
  /** 900 unless given. */
  readonly height?: number;
}

/**
 * The drawing is made at this fraction of the picture's size and enlarged, which sets the size of its text.
 */
const ZOOM = 2;

/** Colours of text and lines around a chart's data. */
export const CHART_COLORS = { text: "#1f2937", faint: "#6b7280", grid: "#e5e7eb" } as const;

/**
 * Draws a chart on white.
 *
 * @param option the chart in ECharts' terms
 * @returns the bytes of a PNG file
 */
export async function renderChart(
  option: Record<string, unknown>,
  { width = 1600, height = 900 }: ChartSize,
): Promise<Uint8Array<ArrayBuffer>> {
  // Loaded only when a plot is drawn; the bundle, unlike the package's entry, asks for no environment
  // variable.
  // @ts-types="npm:echarts@6.1.0"
  const echarts = await import("echarts/dist/echarts.esm.min.mjs");
  const size = { width: width / ZOOM, height: height / ZOOM };
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: FONT_FAMILY, color: CHART_COLORS.text },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return await svgToPng(svg, { zoom: ZOOM });
}

/** A title with a smaller line under it, a legend, and a grid that leaves room for them and for `right` pixels. */
export function frame(title: string, subtitle = "", right = 32): Record<string, unknown> {
  return {
    title: {
      text: title,
      subtext: subtitle,
      left: 24,
      top: 14,
      textStyle: { fontSize: 18, fontWeight: "bold", color: CHART_COLORS.text },
      subtextStyle: { fontSize: 12, color: CHART_COLORS.faint },
    },
    legend: {
      right: 40,
      top: 18,
      icon: "rect",
      itemWidth: 22,
      itemHeight: 3,
      // Wide, because the layout measures text as if the font were narrower than it is.
      itemGap: 36,
      textStyle: { fontSize: 12, color: CHART_COLORS.text },
    },
    grid: { left: 72, right, top: subtitle ? 76 : 60, bottom: 56 },
  };
}

/** An axis of numbers. */
export function valueAxis(name: string, nameGap: number): Record<string, unknown> {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameGap,
    nameTextStyle: { fontSize: 13, color: CHART_COLORS.text },
    axisLine: { show: true, lineStyle: { color: CHART_COLORS.faint } },
    axisTick: { show: true },
    axisLabel: { fontSize: 12, color: CHART_COLORS.faint },
    splitLine: { lineStyle: { color: CHART_COLORS.grid } },
  };
}
