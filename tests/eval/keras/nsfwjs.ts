import { decodeFile } from "../../../train/dataset/decode.ts";
import { emojiSource } from "../../../train/dataset/emoji.ts";
import type { KerasLayer, KerasModel, KerasWeight } from "./graph.ts";

/** Side of the model's images. */
export const SIDE = 299;

/** The layer whose outputs are the features of an image, and its name in the golden file. */
export const FEATURES = "average_pooling2d_10";

/** Probabilities of the five classes. */
export const CLASSES = "dense_3";

/** The package's model: Keras layers, and where each weight lies in the bytes. */
export interface ModelJson {
  readonly modelTopology: {
    readonly model_config: { readonly config: { readonly layers: readonly KerasLayer[] } };
  };
  readonly weightsManifest: readonly { readonly weights: readonly QuantizedWeight[] }[];
}

const EMOJI_SIDE = 64;

interface QuantizedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly quantization: { readonly min: number; readonly scale: number; readonly dtype: "uint8" };
}

interface Bundle<T> {
  readonly default: T;
}

interface PackagedModel {
  modelJson(): Promise<Bundle<ModelJson>>;
  /** Base64, in the order of the manifest's paths. */
  readonly weightBundles: readonly (() => Promise<Bundle<string>>)[];
}

/** Not a literal import: only the test that wants the package fetches it. */
const PACKAGE: string = "npm:nsfwjs@4.4.0/models/inception_v3";

/** Inception v3 of the package nsfwjs (MIT), as it lies there: every weight is a byte, one of 256 levels. */
export async function openPackage(): Promise<{ json: ModelJson; levels: Uint8Array<ArrayBuffer> }> {
  const { InceptionV3Model: model } = await import(PACKAGE) as { InceptionV3Model: PackagedModel };
  const shards = await Promise.all(model.weightBundles.map(async (open) => (await open()).default));
  const levels = await new Blob(shards.map((shard) => Uint8Array.fromBase64(shard))).bytes();
  return { json: (await model.modelJson()).default, levels };
}

/** The model with its weights as numbers. */
export async function openNsfwModel(): Promise<KerasModel> {
  const { json, levels } = await openPackage();
  const weights = new Map<string, KerasWeight>();
  let at = 0;
  for (const { name, shape, quantization: { min, scale } } of json.weightsManifest[0].weights) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const data = Float32Array.from(levels.subarray(at, at += size), (level) => level * scale + min);
    weights.set(name, { shape, data });
  }
  return { layers: json.modelTopology.model_config.config.layers, weights };
}

/** `f32[9, 3, 299, 299]` in 0 to 1: the first emoji of each class. */
export async function emojiImages(): Promise<Float32Array<ArrayBuffer>> {
  const { files, classNames } = await emojiSource();
  const chosen = classNames.map((_, label) => files.find((file) => file.label === label)!);
  const images = new Float32Array(chosen.length * 3 * SIDE * SIDE);
  for (const [i, file] of chosen.entries()) {
    const pixels = await decodeFile(file, EMOJI_SIDE);
    if (pixels instanceof Error) throw pixels;
    images.set(enlarge(pixels), i * 3 * SIDE * SIDE);
  }
  return images;
}

/** `u8[3, 64, 64]` as `f32[3, 299, 299]` in 0 to 1, each pixel the nearest: the same for every runtime. */
function enlarge(bytes: Uint8Array): Float32Array {
  const source = (i: number) => Math.floor(i * EMOJI_SIDE / SIDE);
  return Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const channel = Math.floor(i / (SIDE * SIDE));
    const x = source(i % SIDE), y = source(Math.floor(i / SIDE) % SIDE);
    return bytes[(channel * EMOJI_SIDE + y) * EMOJI_SIDE + x] / 255;
  });
}
