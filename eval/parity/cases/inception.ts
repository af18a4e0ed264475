import { ConfigError } from "../../../engine/core/errors.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { softmax } from "../../../kernels/softmax/mod.ts";
import { InceptionV3, preprocess, type Preprocessing } from "../../../models/inception/mod.ts";
import type { CaseContext, CaseRunner } from "../case.ts";
import { distance, mismatches, relativeError } from "../compare.ts";
import type { Fields } from "../fields.ts";
import { type FormulaImage, formulaImage, formulaWeights } from "../formula.ts";

/** Fields of the configuration that describe in words what the runner does. */
const WORDS = ["family", "batch", "preprocess", "weights", "outputs", "dtype"];

/** The network with formula weights behind either preprocessing (reference behaviours 55 to 62). */
export function inceptionRunner(preprocessing: Preprocessing): CaseRunner {
  return async (context) => {
    const { device, golden, checks } = context;
    const { config } = golden;
    config.ignore(...WORDS);
    const stages = new Set(config.names("stages"));
    const mistakes = config.section("if_wrong_pool_changes_by");
    const pixels = await imagesOf(context);
    if (config.number("bn_eps") !== 0.001) throw new ConfigError("Cannot use config.bn_eps: wanted 0.001");
    config.finish();
    const model = new InceptionV3();
    model.folded.allocate(device);
    using _folded = model.folded;
    const shapes = model.params.stateShapes();
    await model.load((name) => Promise.resolve(formulaWeights(name, shapes.get(name)!)));
    const outputs: [string, Tensor][] = [];
    const input = preprocess(pixels, preprocessing);
    const out = model.forward(input, (name, tensor) => outputs.push([name, tensor]));
    for (const [name, tensor] of [["input", input], ...outputs] as const) {
      if (stages.delete(name)) await compareStage(context, name, tensor);
    }
    for (const name of stages) checks.failed(`out.block.${name}`, "the network has no such stage");
    for (
      const [name, tensor] of Object.entries({
        64: out.features64,
        192: out.features192,
        768: out.features768,
      })
    ) {
      await checks.tensor(`out.features_${name}`, tensor, "inceptionStage");
    }
    await checks.tensor("out.spatial", out.spatial, "inceptionStage");
    await comparePool(context, out.pool, mistakes);
    await compareLogits(context, out.logits, model.withBias(out.logits));
  };
}

/** The images by formula, held against what the file has of them: `f32[B, 3, H, W]`, 0 to 255. */
async function imagesOf({ device, golden, checks }: CaseContext): Promise<Tensor> {
  const { config } = golden;
  const images = config.sections("images").map((fields) => imageOf(fields));
  const [{ height, width }] = images;
  const size = 3 * height * width;
  const pixels = new Float32Array(images.length * size);
  images.forEach((image, i) => pixels.set(formulaImage(image), i * size));
  const sums = images.map((_, i) => sum(pixels.subarray(i * size, (i + 1) * size)));
  checks.counted("config.image_sums", mismatches(sums, config.numbers("image_sums")));
  if (golden.has("in.images")) {
    checks.counted("in.images", mismatches(pixels, await golden.read("in.images")));
  } else {
    const control = await golden.read("in.images.probe");
    const probes = probesOf(pixels, images.length, control.length / images.length);
    checks.counted("in.images.probe", mismatches(probes, control));
  }
  return device.tensor([images.length, 3, height, width], pixels);
}

function imageOf(fields: Fields): FormulaImage {
  const image = {
    name: fields.text("name"),
    height: fields.number("height"),
    width: fields.number("width"),
    block: fields.number("block"),
  };
  fields.finish();
  return image;
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Values spread evenly over each image of a batch: `[B, count]`. */
function probesOf(values: Float32Array, batch: number, count: number): number[] {
  const size = values.length / batch;
  return Array.from({ length: batch * count }, (_, i) => {
    const [image, j] = [Math.floor(i / count), i % count];
    return values[image * size + Math.floor(j * size / count)];
  });
}

/** Means, deviations and some values of a stage: `f32[B, C, H, W]`. */
async function compareStage({ golden, checks }: CaseContext, name: string, tensor: Tensor): Promise<void> {
  const values = await tensor.read() as Float32Array;
  const [batch] = tensor.shape;
  const pixels = sizeOf(tensor.shape.slice(2));
  const [means, deviations]: [number[], number[]] = [[], []];
  for (let start = 0; start < values.length; start += pixels) {
    const channel = values.subarray(start, start + pixels);
    const mean = sum(channel) / pixels;
    means.push(mean);
    deviations.push(Math.sqrt(channel.reduce((total, value) => total + (value - mean) ** 2, 0) / pixels));
  }
  const quantity = name === "input" ? "resizedImage" : "inceptionStage";
  const probes = golden.shape(`out.block.${name}.probe`)[1];
  await checks.values(`out.block.${name}.mean`, means, quantity);
  await checks.values(`out.block.${name}.std`, deviations, quantity);
  await checks.values(`out.block.${name}.probe`, probesOf(values, batch, probes), quantity);
}

/** The features of FID, also measured by the mistake that would change them least. */
async function comparePool({ golden, checks }: CaseContext, pool: Tensor, mistakes: Fields): Promise<void> {
  await checks.tensor("out.pool", pool, "inceptionFeatures");
  const smallest = Math.min(...mistakes.keys().map((name) => mistakes.number(name)));
  const error = relativeError(distance(await pool.read(), await golden.read("out.pool")));
  checks.measured("out.pool over the smallest mistake", error / smallest, "mistake");
  mistakes.finish();
}

async function compareLogits({ checks }: CaseContext, unbiased: Tensor, biased: Tensor): Promise<void> {
  await checks.tensor("out.logits_unbiased", unbiased, "inceptionFeatures");
  await checks.tensor("out.logits", biased, "inceptionFeatures");
  await checks.tensor("out.softmax_unbiased", softmax(unbiased), "inceptionSoftmax");
  await checks.tensor("out.softmax", softmax(biased), "inceptionSoftmax");
}
