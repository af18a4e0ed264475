/**
 * The network that FID, sFID and Inception Score are defined by.
 *
 * @module
 */
export type { ReadValues } from "./conv.ts";
export {
  createInceptionExtractor,
  type ExtractorOptions,
  FeatureExtractor,
  type FeatureForward,
  type FeatureTensors,
  type ImageFeatures,
} from "./extractor.ts";
export {
  INCEPTION_CLASSES,
  INCEPTION_SIZE,
  type InceptionOutput,
  InceptionV3,
  POOL_SIZE,
  SPATIAL_SIZE,
} from "./inception.ts";
export { type OpenInception, openInception } from "./open.ts";
export { type PixelRule, pixelsOf } from "./pixels.ts";
export { preprocess, type Preprocessing, PREPROCESSINGS } from "./preprocessing.ts";
