/**
 * Metrics of generated images as pure functions of features that some network gave: FID and sFID, Inception Score,
 * improved precision and recall, KID. All arithmetic is in f64 on the host, so a figure does not depend on the device.
 *
 * ```ts
 * import { type Features, frechetDistanceOfFeatures } from "./mod.ts";
 *
 * const points = (shift: number): Features => ({
 *   rows: 4,
 *   columns: 2,
 *   data: Float32Array.of(shift, 0, shift + 1, 1, shift, 1, shift + 1, 0),
 * });
 * console.log(frechetDistanceOfFeatures(points(0), points(3)).toFixed(6)); // 9.000000
 * ```
 *
 * @module
 */
export type { Features } from "./features.ts";
export {
  frechetDistance,
  frechetDistanceOfFeatures,
  FrechetReference,
  type Gaussian,
  gaussianOf,
} from "./frechet.ts";
export {
  ADM_SPLITS,
  FIDELITY_SPLITS,
  type InceptionScore,
  inceptionScore,
  type InceptionScoreState,
  InceptionScoreSums,
  type SplitRule,
} from "./inception_score.ts";
export { type KernelDistance, kernelDistance, type KernelDistanceOptions } from "./kernel_distance.ts";
export { FeatureMoments, type MomentsState } from "./moments.ts";
export { insideManifold, neighbourRadii, type PrecisionRecall, precisionRecall } from "./neighbours.ts";
export {
  momentsArrays,
  readMoments,
  readReferenceStatistics,
  type ReferenceStatistics,
  writeReferenceStatistics,
} from "./statistics_file.ts";
