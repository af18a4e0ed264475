import type { FeatureNetwork } from "../features.ts";
import { RowStore } from "../evaluate/row_store.ts";
import type { ImageStream } from "../images/image_stream.ts";
import type { Gaussian } from "../metrics/frechet.ts";
import { FeatureMoments } from "../metrics/moments.ts";
import type { ReferenceStatistics } from "../metrics/statistics_file.ts";

/** How statistics are gathered. */
export interface StatisticsOptions {
  /** Images that are read at once. */
  readonly batch: number;
  /** Whether the pool features of every image are kept, for precision, recall and KID. */
  readonly activations?: boolean;
  /** Told of the images whose features are in. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Mean and covariance of the features of images, what samples are held against. Memory does not grow with the number of
 * images, unless their features are kept.
 *
 * @throws {DataError} when an image cannot be read
 * @throws {NonFiniteError} when a feature is not a finite number
 * @throws {ShapeError} for fewer than 2 images
 */
export async function imageStatistics(
  images: ImageStream,
  network: FeatureNetwork,
  { batch, activations = false, onProgress }: StatisticsOptions,
): Promise<ReferenceStatistics> {
  const { poolSize, spatialSize } = network;
  const pool = new FeatureMoments(poolSize);
  const spatial = spatialSize > 0 ? new FeatureMoments(spatialSize) : undefined;
  const kept = activations ? new RowStore(poolSize, images.count) : undefined;
  for (let from = 0; from < images.count; from += batch) {
    const to = Math.min(images.count, from + batch);
    const features = await network.extract(await images.read(from, to));
    pool.add({ rows: to - from, columns: poolSize, data: features.pool });
    spatial?.add({ rows: to - from, columns: spatialSize, data: features.spatial });
    kept?.add(features.pool);
    onProgress?.(to, images.count);
  }
  return {
    pool: gaussianOf(pool),
    ...spatial && { spatial: gaussianOf(spatial) },
    ...kept && { activations: kept.features() },
  };
}

function gaussianOf(moments: FeatureMoments): Gaussian {
  return { mean: moments.mean(), covariance: moments.covariance() };
}
