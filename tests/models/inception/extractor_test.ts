import { assert, assertEquals, assertRejects } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import type { Device } from "../../../engine/device/device.ts";
import { formulaImage, formulaWeights } from "../../../eval/parity/formula.ts";
import { createInceptionExtractor, InceptionV3, pixelsOf } from "../../../models/inception/mod.ts";
import { deviceTest } from "../../devices.ts";

async function formulaModel(device: Device): Promise<InceptionV3> {
  const model = new InceptionV3();
  const shapes = model.params.stateShapes();
  model.folded.allocate(device);
  await model.load((name) => Promise.resolve(formulaWeights(name, shapes.get(name)!)));
  return model;
}

const SIZE = { height: 8, width: 12 };
const IMAGE = 3 * 8 * 12;

/** Three images as bytes. */
function bytes(): Uint8Array {
  const images = [0, 1, 2].map((i) => formulaImage({ name: `image.${i}`, ...SIZE, block: 3 }));
  return Uint8Array.from(images.flatMap((image) => [...image]));
}

function assertClose(got: Float32Array, want: Float32Array, what: string): void {
  assertEquals(got.length, want.length);
  const error = Math.hypot(...got.map((value, i) => value - want[i])) / Math.hypot(...want);
  assert(error < 1e-5, `${what}: ${error}`);
}

deviceTest(
  ["cpu"],
  "`FeatureExtractor` gives each image its features, whatever the batch",
  async (device) => {
    const model = await formulaModel(device);
    using _folded = model.folded;
    const before = device.memory().live;
    const images = bytes();
    for (const preprocessing of ["pytorch-fid", "torch-fidelity"] as const) {
      using single = await createInceptionExtractor(device, model, { batch: 1, ...SIZE, preprocessing });
      using pair = await createInceptionExtractor(device, model, { batch: 2, ...SIZE, preprocessing });
      const [ones, twos] = [await single.extract(images), await pair.extract(images)];
      assertEquals(
        [twos.pool.length, twos.spatial.length, twos.logits.length],
        [3 * 2048, 3 * 2023, 3 * 1008],
      );
      for (const name of ["pool", "spatial", "logits"] as const) assertClose(twos[name], ones[name], name);
      const part = ones.pool.subarray(0, 2048);
      assert(part.some((value, i) => Math.abs(value - ones.pool[2048 + i]) > 1e-3), "images differ");
    }
    assertEquals(device.memory().live, before);
  },
);

deviceTest(
  ["cpu"],
  "`FeatureExtractor` turns network outputs into pixels by the rule of its preprocessing",
  async (device) => {
    const model = await formulaModel(device);
    using _folded = model.folded;
    const outputs = Float32Array.from({ length: IMAGE }, (_, i) => 1.2 * Math.sin(i));
    const options = { batch: 1, ...SIZE, preprocessing: "torch-fidelity" } as const;
    using extractor = await createInceptionExtractor(device, model, options);
    const png = Uint8Array.from(pixelsOf(outputs, "png"));
    assertEquals(await extractor.extract(outputs), await extractor.extract(png));
    using other = await createInceptionExtractor(device, model, { ...options, preprocessing: "pytorch-fid" });
    const [unrounded, rounded] = [await other.extract(outputs), await other.extract(png)];
    const change = Math.hypot(...unrounded.pool.map((value, i) => value - rounded.pool[i]));
    assert(change > 0);
  },
);

deviceTest(["cpu"], "`FeatureExtractor` refuses parts of images, and sizes that are none", async (device) => {
  const model = await formulaModel(device);
  using _folded = model.folded;
  const options = { batch: 1, ...SIZE, preprocessing: "pytorch-fid" } as const;
  const empty = () => createInceptionExtractor(device, model, { ...options, batch: 0 });
  await assertRejects(empty, ShapeError, "Cannot extract features of 0 images of 8 x 12: at least 1 wanted");
  using extractor = await createInceptionExtractor(device, model, options);
  const part = () => extractor.extract(new Uint8Array(IMAGE + 1));
  await assertRejects(part, ShapeError, "Cannot extract features of 289 numbers: [n, 3, 8, 12] wanted");
});
