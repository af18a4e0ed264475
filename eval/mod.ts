/**
 * Looking at what a model makes: image files, grids of samples, drawings; and holding it against the reference.
 *
 * @module
 */
export { decodePng, encodePng, readPng, type RgbaImage } from "./png.ts";
export { imageGrid, type ImageGridOptions } from "./image_grid.ts";
export { escapeXml, FONT_FAMILY, svgDocument, type SvgRenderOptions, svgToPng, textWidth } from "./svg.ts";
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
export { classGrid, type ClassSampleOptions, sampleClasses } from "./sample.ts";
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
