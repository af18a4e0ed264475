import { sha256OfFile } from "../../engine/checkpoint/file_digest.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import type { FeatureNetwork } from "../features.ts";
import { FrechetReference } from "../metrics/frechet.ts";
import { readReferenceStatistics, type ReferenceStatistics } from "../metrics/statistics_file.ts";

/** What samples are held against. */
export interface Reference {
  /** The file, or the data set. */
  readonly location: string;
  /** SHA-256 of the file, or of the images. */
  readonly sha256: string;
  /** Its statistics. */
  readonly statistics: ReferenceStatistics;
  /** Its pool features, decomposed once for all evaluations. */
  readonly pool: FrechetReference;
  /** Its spatial features. */
  readonly spatial?: FrechetReference;
}

/**
 * Reads reference statistics.
 *
 * @throws {CheckpointError} naming the file and what is wrong
 */
export async function openReference(path: string): Promise<Reference> {
  const statistics = await readReferenceStatistics(path);
  return referenceOf(path, await sha256OfFile(path), statistics);
}

/** A reference of statistics that are in memory. */
export function referenceOf(location: string, sha256: string, statistics: ReferenceStatistics): Reference {
  const { pool, spatial } = statistics;
  return {
    ...{ location, sha256, statistics },
    pool: new FrechetReference(pool),
    ...spatial && { spatial: new FrechetReference(spatial) },
  };
}

/**
 * Checks that a reference is of the features that a network gives.
 *
 * @throws {ConfigError} naming both, when sizes differ, or the file says that it was made otherwise
 */
export function requireComparable(
  { location, pool, spatial, statistics }: Reference,
  network: Pick<FeatureNetwork, "name" | "poolSize" | "spatialSize">,
  preprocessing: string,
): void {
  const refuse = (wanted: string, got: string): never => {
    throw new ConfigError(`Cannot hold samples against ${location}: wanted ${wanted}, got ${got}`);
  };
  const { poolSize, spatialSize, name } = network;
  if (pool.columns !== poolSize) {
    refuse(`statistics of the ${poolSize} features of ${name}`, `${pool.columns}`);
  }
  if (spatial && spatialSize > 0 && spatial.columns !== spatialSize) {
    refuse(`statistics of the ${spatialSize} spatial features of ${name}`, `${spatial.columns}`);
  }
  const made = statistics.about ?? {};
  if (made.network !== undefined && made.network !== name) refuse(`features of ${name}`, made.network);
  if (made.preprocessing !== undefined && made.preprocessing !== preprocessing) {
    refuse(`images prepared by --preprocessing ${preprocessing}`, made.preprocessing);
  }
}
