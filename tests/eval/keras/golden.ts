/**
 * Writes what TensorFlow.js makes of the emoji with the Inception v3 of nsfwjs, which the test beside this file holds this
 * engine against: `deno run -A tests/eval/keras/golden.ts`.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { writeSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { CLASSES, emojiImages, FEATURES, openPackage, SIDE } from "./nsfwjs.ts";

/** Holds the outputs of both layers by name, `f32[9, 2048]` and `f32[9, 5]`. */
export const GOLDEN: string = fromFileUrl(new URL("./golden.safetensors", import.meta.url));

interface TfTensor {
  transpose(order: readonly number[]): TfTensor;
  data(): Promise<Float32Array>;
}

interface TfModel {
  readonly inputs: unknown;
  getLayer(name: string): { readonly output: unknown };
  predict(x: TfTensor): TfTensor[];
}

interface TfLayers {
  setBackend(name: string): Promise<boolean>;
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  loadLayersModel(handler: { load(): Promise<unknown> }): Promise<TfModel>;
  model(options: { inputs: unknown; outputs: unknown[] }): TfModel;
}

const PACKAGE: string = "npm:@tensorflow/tfjs@4.22.0";

async function outputsOfEmoji(): Promise<Record<string, Float32Array<ArrayBuffer>[]>> {
  const tf = await import(PACKAGE) as TfLayers;
  await tf.setBackend("cpu");
  const { json, levels } = await openPackage();
  const whole = await tf.loadLayersModel({
    load: () =>
      Promise.resolve({
        modelTopology: json.modelTopology,
        weightSpecs: json.weightsManifest[0].weights,
        weightData: levels.buffer,
      }),
  });
  const names = [FEATURES, CLASSES];
  const model = tf.model({ inputs: whole.inputs, outputs: names.map((name) => whole.getLayer(name).output) });
  const images = await emojiImages(), size = 3 * SIDE * SIDE;
  const results = Object.fromEntries(names.map((name) => [name, [] as Float32Array<ArrayBuffer>[]]));
  for (let at = 0; at < images.length; at += size) {
    const x = tf.tensor(images.slice(at, at + size), [1, 3, SIDE, SIDE]).transpose([0, 2, 3, 1]);
    for (const [i, out] of model.predict(x).entries()) {
      results[names[i]].push(new Float32Array(await out.data()));
    }
  }
  return results;
}

if (import.meta.main) {
  const entries = Object.entries(await outputsOfEmoji()).map(([name, rows]) => ({
    name,
    spec: f32(rows.length, rows[0].length),
    data: Float32Array.from(rows.flatMap((row) => [...row])),
  }));
  await writeSafetensors(GOLDEN, entries);
}
