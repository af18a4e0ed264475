/**
 * NumPy's files: reading `.npy` and `.npz` with no trust in them, and writing both.
 *
 * ```ts
 * import { NumpyFile } from "./mod.ts";
 *
 * async function printMean(path: string): Promise<void> {
 *   using file = await NumpyFile.open(path);
 *   console.log(file.read("mu").data);
 * }
 * ```
 *
 * @module
 */
export { asFloat64, type NumpyArray, type NumpyData, type NumpyType } from "./array.ts";
export { NumpyFile } from "./file.ts";
export type { NumpyHeader } from "./header.ts";
export { numpyPermutation } from "./permutation.ts";
export { encodeNpy, writeLargeNpz, writeNpz } from "./write.ts";
