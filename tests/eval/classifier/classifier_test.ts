import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import type { Device } from "../../../engine/device/device.ts";
import { ClassifierNetwork, openClassifier, trainClassifier } from "../../../eval/classifier/mod.ts";
import { createClassifierExtractor } from "../../../eval/classifier/extractor.ts";
import {
  type ClassifierOrigin,
  digestOf,
  loadClassifier,
  saveClassifier,
} from "../../../eval/classifier/file.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../../kernels/tolerance.ts";
import { stripes } from "./fixture.ts";

const data = stripes(120);
const ORIGIN: ClassifierOrigin = { digest: data.digest, seed: 1, classes: 2, imageSize: data.imageSize };

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

deviceTest(["cpu"], "`trainClassifier()` tells upright from lying stripes", async (device) => {
  const losses: number[] = [];
  const training = {
    seed: 1,
    steps: 30,
    batch: 16,
    onProgress: ({ loss }: { loss: number }) => losses.push(loss),
  };
  const { network, accuracy, heldOut } = await trainClassifier(device, data, training);
  using _network = network;
  assertEquals(heldOut, 18);
  assert(accuracy > 0.9, `accuracy ${accuracy}`);
  assertEquals(losses.length, 3);
  // Targets are smoothed: the entropy of (0.95, 0.05) is 0.1985, and ignorance costs log 2 = 0.693.
  assert(losses[2] > 0.1985 && losses[2] < 0.3, `losses ${losses}`);
});

deviceTest(["cpu"], "`trainClassifier()` gives the same weights for the same seed alone", async (device) => {
  const digest = async (seed: number) => {
    const { network } = await trainClassifier(device, data, { seed, steps: 3, batch: 8 });
    using _network = network;
    return await digestOf(network);
  };
  assertEquals(await digest(1), await digest(1));
  assertNotEquals(await digest(1), await digest(2));
});

deviceTest(
  ["cpu"],
  "a classifier comes back from its file with the same bits",
  (device) =>
    inFolder(async (folder) => {
      const path = join(folder, "classifier.safetensors");
      const trained = await trainClassifier(device, data, { seed: 1, steps: 2, batch: 8 });
      using _network = trained.network;
      await saveClassifier(path, trained, ORIGIN);
      const loaded = await loadClassifier(device, path, ORIGIN);
      using _loaded = loaded.network;
      assertEquals(await digestOf(loaded.network), await digestOf(trained.network));
      assertEquals([loaded.accuracy, loaded.heldOut], [trained.accuracy, trained.heldOut]);
      const error = await assertRejects(() => loadClassifier(device, path, { ...ORIGIN, seed: 2 }));
      assertEquals(
        (error as Error).message,
        `Cannot use ${path} as a classifier: seed is 1, 2 wanted`,
      );
    }),
);

deviceTest(
  ["cpu"],
  "`openClassifier()` trains once and then reads its file",
  (device) =>
    inFolder(async (folder) => {
      const options = { data: stripes(24), seed: 3, batch: 8, cacheDirectory: join(folder, "cache") };
      const training = { seed: 3, steps: 2, batch: 8 };
      const trained = await trainClassifier(device, options.data, training);
      using _network = trained.network;
      await Deno.mkdir(options.cacheDirectory);
      const { digest, imageSize } = options.data;
      const path = join(
        options.cacheDirectory,
        `tessera-classifier-v1-${digest.slice(0, 12)}-16-3.safetensors`,
      );
      await saveClassifier(path, trained, { digest, seed: 3, classes: 2, imageSize });
      using open = await openClassifier(device, options);
      assertEquals([open.path, open.trained, open.name], [path, false, "tessera-classifier-v1"]);
      assertEquals([open.poolSize, open.spatialSize, open.classes], [128, 7 * 4 * 4, 2]);
      assertEquals(open.sha256, await digestOf(trained.network));
      assertEquals([open.accuracy, open.heldOut], [trained.accuracy, 3]);
    }),
);

deviceTest(
  ["cpu"],
  "a classifier sees bytes and network outputs alike, in any number",
  async (device) => {
    using network = new ClassifierNetwork(2, 16);
    network.params.allocate(device);
    network.params.initialize(5);
    using extractor = await createClassifierExtractor(device, network, 4);
    const bytes = data.images.subarray(0, 6 * 3 * 16 * 16);
    const seen = await extractor.extract(bytes);
    assertEquals([seen.pool.length, seen.spatial.length, seen.logits.length], [6 * 128, 6 * 112, 12]);
    assertEquals(await extractor.extract(Float32Array.from(bytes, (byte) => byte / 127.5 - 1)), seen);
    const last = await extractor.extract(bytes.subarray(5 * 3 * 16 * 16));
    assertEquals(last.logits, seen.logits.slice(10));
    await assertRejects(() => extractor.extract(bytes.subarray(1)), ShapeError, "[n, 3, 16, 16] wanted");
  },
);

deviceTest(["cpu", "webgpu"], "a classifier sees the same as on the reference", async (device, oracle) => {
  const images = new Philox(3, 1).normals(2 * 3 * 8 * 8);
  const see = async (own: Device) => {
    using network = new ClassifierNetwork(3, 8);
    network.params.allocate(own);
    network.params.initialize(5);
    using extractor = await createClassifierExtractor(own, network, 2);
    return await extractor.extract(images);
  };
  const [got, want] = [await see(device), await see(oracle)];
  for (const name of ["pool", "spatial", "logits"] as const) {
    const error = relativeError(got[name], want[name]);
    assert(error < 1e-5, `${name}: ${error}`);
  }
});
