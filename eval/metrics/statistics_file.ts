/**
 * Statistics of image sets in `.npz` files: the ADM evaluator's `{mu, sigma, mu_s, sigma_s}` (pooled and spatial
 * features, often beside the images in `arr_0`), pytorch-fid's and torch-fidelity's `{mu, sigma}`, and the state of an
 * evaluation that goes on later.
 *
 * @module
 */
import { CheckpointError } from "../../engine/core/errors.ts";
import { asFloat64, type NumpyArray } from "../numpy/array.ts";
import { NumpyFile } from "../numpy/file.ts";
import { writeNpz } from "../numpy/write.ts";
import type { Features } from "./features.ts";
import type { Gaussian } from "./frechet.ts";
import { FeatureMoments } from "./moments.ts";

/** What is known of a reference set. */
export interface ReferenceStatistics {
  /** Pooled features, for FID: `mu` and `sigma`. */
  readonly pool: Gaussian;
  /** Spatial features, for sFID: `mu_s` and `sigma_s`. */
  readonly spatial?: Gaussian;
  /** Pooled features of every image, for precision, recall and KID: `activations`, an array that others ignore. */
  readonly activations?: Features;
  /** How the file was made, where it tells: the JSON text in `about`, an array of bytes that others ignore. */
  readonly about?: Readonly<Record<string, string>>;
}

/** How far a covariance may be from its transpose, relative to its largest entry; f32 files round to 6e-8. */
const SYMMETRY = 1e-5;

/**
 * Reads reference statistics. Numbers of any type become f64.
 *
 * @throws {CheckpointError} naming the file and what is wrong: it is broken, has no `mu` and `sigma`, or they do not
 *   fit each other, are not symmetric or not finite
 */
export async function readReferenceStatistics(path: string): Promise<ReferenceStatistics> {
  using file = await NumpyFile.open(path);
  const pool = readGaussian(file, "mu", "sigma");
  const spatial = file.has("mu_s") || file.has("sigma_s");
  return {
    pool,
    ...spatial && { spatial: readGaussian(file, "mu_s", "sigma_s") },
    ...file.has("activations") && { activations: readActivations(file, pool.mean.length) },
    ...file.has("about") && { about: readAbout(file) },
  };
}

/**
 * Writes reference statistics as the ADM evaluator names them, in one atomic step; without spatial ones the file is also
 * what pytorch-fid writes.
 *
 * @throws {CheckpointError} when the file cannot be written
 */
export async function writeReferenceStatistics(
  path: string,
  { pool, spatial, activations, about }: ReferenceStatistics,
): Promise<void> {
  const arrays = new Map(gaussianArrays("mu", "sigma", pool));
  for (const [name, array] of spatial ? gaussianArrays("mu_s", "sigma_s", spatial) : []) {
    arrays.set(name, array);
  }
  if (activations) {
    const { rows, columns, data } = activations;
    arrays.set("activations", { shape: [rows, columns], data: Float32Array.from(data) });
  }
  if (about) {
    const bytes = new TextEncoder().encode(JSON.stringify(about));
    arrays.set("about", { shape: [bytes.length], data: bytes });
  }
  await writeNpz(path, arrays);
}

/** Named arrays of a `FeatureMoments`, for `writeNpz()`; `prefix` tells several in one file apart. */
export function momentsArrays(prefix: string, moments: FeatureMoments): Map<string, NumpyArray> {
  const { merged, mean, scatter, pending } = moments.state();
  const columns = moments.columns;
  return new Map([
    [`${prefix}.merged`, { shape: [], data: Float64Array.of(merged) }],
    [`${prefix}.mean`, vector(mean)],
    [`${prefix}.scatter`, matrix(scatter, columns)],
    [`${prefix}.pending`, matrix(pending, columns)],
  ]);
}

/**
 * A `FeatureMoments` from arrays that `momentsArrays()` made; it goes on to the same bits.
 *
 * @throws {CheckpointError} when an array is missing or broken
 * @throws {ShapeError} when they do not fit each other
 */
export function readMoments(file: NumpyFile, prefix: string): FeatureMoments {
  const read = (name: string) => asFloat64(file.read(`${prefix}.${name}`));
  const [merged] = read("merged");
  return FeatureMoments.restore({
    merged,
    mean: read("mean"),
    scatter: read("scatter"),
    pending: read("pending"),
  });
}

function readActivations(file: NumpyFile, columns: number): Features {
  const { shape, data } = file.read("activations");
  if (shape.length !== 2 || shape[1] !== columns || shape[0] < 1 || !(data instanceof Float32Array)) {
    throw new CheckpointError(
      `Cannot use ${file.path} as reference statistics: "activations" f32[N, ${columns}] wanted, ` +
        `got [${shape.join(", ")}] of ${data.constructor.name.replace("Array", "")}`,
    );
  }
  return { rows: shape[0], columns, data };
}

function readAbout(file: NumpyFile): Readonly<Record<string, string>> {
  try {
    return JSON.parse(new TextDecoder().decode(file.read("about").data as Uint8Array));
  } catch (cause) {
    throw new CheckpointError(`Cannot use ${file.path} as reference statistics: "about" is broken`, {
      cause,
    });
  }
}

function readGaussian(file: NumpyFile, meanName: string, covarianceName: string): Gaussian {
  const refuse = (defect: string): never => {
    throw new CheckpointError(`Cannot use ${file.path} as reference statistics: ${defect}`);
  };
  for (const name of [meanName, covarianceName]) {
    if (!file.has(name)) refuse(`it has no array "${name}", it has ${namesOf(file)}`);
  }
  const [mean, covariance] = [file.read(meanName), file.read(covarianceName)];
  const size = mean.shape[0];
  const fits = mean.shape.length === 1 && size > 0 && covariance.shape.length === 2 &&
    covariance.shape.every((extent) => extent === size);
  if (!fits) {
    refuse(
      `"${meanName}" [${mean.shape.join(", ")}] and "${covarianceName}" [${covariance.shape.join(", ")}] ` +
        "must be [D] and [D, D]",
    );
  }
  const gaussian = { mean: asFloat64(mean), covariance: asFloat64(covariance) };
  for (const [name, values] of [[meanName, gaussian.mean], [covarianceName, gaussian.covariance]] as const) {
    const broken = values.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) refuse(`number ${broken} of "${name}" is ${values[broken]}, wanted a finite number`);
  }
  if (asymmetry(gaussian.covariance, size) > SYMMETRY) refuse(`"${covarianceName}" is not symmetric`);
  return gaussian;
}

function asymmetry(values: Float64Array, size: number): number {
  let [largest, difference] = [0, 0];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      largest = Math.max(largest, Math.abs(values[i * size + j]));
      difference = Math.max(difference, Math.abs(values[i * size + j] - values[j * size + i]));
    }
  }
  return largest === 0 ? 0 : difference / largest;
}

function namesOf(file: NumpyFile): string {
  return file.names.map((name) => JSON.stringify(name)).join(", ") || "none";
}

function gaussianArrays(
  meanName: string,
  covarianceName: string,
  { mean, covariance }: Gaussian,
): [string, NumpyArray][] {
  return [[meanName, vector(mean)], [covarianceName, matrix(covariance, mean.length)]];
}

function vector(values: Float64Array): NumpyArray {
  return { shape: [values.length], data: Float64Array.from(values) };
}

function matrix(values: Float64Array, columns: number): NumpyArray {
  return { shape: [values.length / columns, columns], data: Float64Array.from(values) };
}
