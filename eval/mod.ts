/**
 * Looking at what a model makes: image files, grids of samples, drawings; and holding it against the reference.
 *
 * @module
 */
export { CHART_COLORS, type ChartSize, frame, renderChart, valueAxis } from "./chart.ts";
export { decodePng, encodePng, peekPng, readPng, type RgbaImage } from "./png.ts";
export { imageGrid, type ImageGridOptions } from "./image_grid.ts";
export { escapeXml, FONT_FAMILY, svgDocument, type SvgRenderOptions, svgToPng, textWidth } from "./svg.ts";
export * from "./classifier/mod.ts";
export { type FeatureNetwork, INCEPTION_NAME, openInceptionFeatures } from "./features.ts";
export {
  createSampler,
  type GuidanceInterval,
  type RoutingDivergence,
  type Sampler,
  SAMPLER_METHODS,
  type SampleRequest,
  type SamplerMethod,
  type SamplerOptions,
  type Samples,
  type StepDivergence,
} from "./sampler.ts";
export type { BatchProgress, ImageStream } from "./images/image_stream.ts";
export { LABEL_RULES, labelOf, type LabelRule } from "./images/labels.ts";
export { type LatentDecoder, type SampledImagesOptions, sampleImages } from "./images/sampled_images.ts";
export { imageStatistics, type StatisticsOptions } from "./statistics/statistics.ts";
export { classGrid, type ClassSampleOptions, decodeSamples, sampleClasses } from "./sample.ts";
export {
  type CaseReport,
  type CaseStatus,
  type Check,
  type FamilySummary,
  findGoldens,
  formatReport,
  jsonReport,
  type ParityOptions,
  type ParityReport,
  runParity,
  type ToleranceName,
} from "./parity/mod.ts";
export * from "./metrics/mod.ts";
export * from "./numpy/mod.ts";
