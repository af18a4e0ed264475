import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CheckpointError } from "../../../engine/core/errors.ts";
import {
  FeatureMoments,
  gaussianOf,
  momentsArrays,
  readMoments,
  readReferenceStatistics,
  writeReferenceStatistics,
} from "../../../eval/metrics/mod.ts";
import { type NumpyArray, NumpyFile, writeNpz } from "../../../eval/numpy/mod.ts";
import { PARITY_FOLDER, parityAvailable } from "../../devices.ts";
import { withFolder } from "../numpy/folder.ts";
import { randomFeatures } from "./random_features.ts";

Deno.test("`readReferenceStatistics()` gives what `writeReferenceStatistics()` was given", () =>
  withFolder(async (folder) => {
    const pool = gaussianOf(randomFeatures(1, 20, 4));
    const spatial = gaussianOf(randomFeatures(2, 20, 3));
    for (const statistics of [{ pool }, { pool, spatial }]) {
      await writeReferenceStatistics(`${folder}/a.npz`, statistics);
      assertEquals(await readReferenceStatistics(`${folder}/a.npz`), statistics);
    }
  }));

Deno.test("`readReferenceStatistics()` widens other types and passes over other arrays", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const arrays = new Map<string, NumpyArray>([
      ["arr_0", { shape: [1], data: Uint8Array.of(1) }],
      ["mu", { shape: [2], data: Float32Array.of(0.5, 1) }],
      ["sigma", { shape: [2, 2], data: Float32Array.of(1, 0.25, 0.25, 2) }],
    ]);
    await writeNpz(path, arrays);
    const { pool, spatial } = await readReferenceStatistics(path);
    assertEquals(pool, { mean: Float64Array.of(0.5, 1), covariance: Float64Array.of(1, 0.25, 0.25, 2) });
    assertEquals(spatial, undefined);
  }));

Deno.test("`readReferenceStatistics()` says what is wrong with a file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    const vector = (...values: number[]): NumpyArray => ({
      shape: [values.length],
      data: Float64Array.from(values),
    });
    const square = (...values: number[]): NumpyArray => ({ ...vector(...values), shape: [2, 2] });
    const broken: readonly [Record<string, NumpyArray>, string][] = [
      [{ arr_0: vector(1) }, 'it has no array "mu", it has "arr_0"'],
      [{ mu: vector(1, 2) }, 'it has no array "sigma"'],
      [
        { mu: vector(1, 2, 3), sigma: square(1, 0, 0, 1) },
        '"mu" [3] and "sigma" [2, 2] must be [D] and [D, D]',
      ],
      [{ mu: vector(1, 2), sigma: square(1, 0, NaN, 1) }, 'number 2 of "sigma" is NaN'],
      [{ mu: vector(1, 2), sigma: square(1, 0.5, 0, 1) }, '"sigma" is not symmetric'],
      [{ mu: vector(1, 2), sigma: square(1, 0, 0, 1), mu_s: vector(1) }, 'it has no array "sigma_s"'],
    ];
    for (const [arrays, message] of broken) {
      await writeNpz(path, new Map(Object.entries(arrays)));
      const error = await assertRejects(() => readReferenceStatistics(path), CheckpointError);
      assertStringIncludes(error.message, `Cannot use ${path} as reference statistics: `);
      assertStringIncludes(error.message, message);
    }
  }));

Deno.test("`readMoments()` goes on to the same bits from a file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state.npz`;
    const [first, rest] = [randomFeatures(3, 300, 3), randomFeatures(4, 100, 3)];
    const moments = new FeatureMoments(3);
    moments.add(first);
    const other = new FeatureMoments(2);
    await writeNpz(path, new Map([...momentsArrays("pool", moments), ...momentsArrays("spatial", other)]));
    using file = await NumpyFile.open(path);
    const restored = readMoments(file, "pool");
    assertEquals(readMoments(file, "spatial").state(), other.state());
    moments.add(rest);
    restored.add(rest);
    assertEquals(restored.state(), moments.state());
  }));

Deno.test({
  name: "`readReferenceStatistics()` reads the files of other evaluators",
  ignore: !parityAvailable,
  fn: async () => {
    const sizes: Record<string, readonly number[]> = {
      "reference_batch.npz": [16, 7],
      "stats_f64.npz": [16],
      "stats_f32_compressed.npz": [16],
      "stats_sample.npz": [16],
    };
    for (const [name, [pool, spatial]] of Object.entries(sizes)) {
      const found = await readReferenceStatistics(new URL(`numpy/${name}`, PARITY_FOLDER).pathname);
      assertEquals(found.pool.mean.length, pool);
      assertEquals(found.spatial?.mean.length, spatial);
    }
  },
});
