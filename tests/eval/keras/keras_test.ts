import { assertEquals, assertLess } from "@std/assert";
import { openSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { available } from "../../devices.ts";
import { GOLDEN } from "./golden.ts";
import { KerasGraph } from "./graph.ts";
import { CLASSES, emojiImages, FEATURES, openNsfwModel, SIDE } from "./nsfwjs.ts";

const TOLERANCE = 2e-5;

function relativeError(actual: Float32Array, wanted: Float32Array): number {
  return Math.hypot(...actual.map((value, i) => value - wanted[i])) / Math.hypot(...wanted);
}

const indexOfLargest = (values: Float32Array): number => values.indexOf(Math.max(...values));

Deno.test({
  name: "Inception v3 of nsfwjs sees the emoji as TensorFlow.js does [cpu]",
  ignore: !available.cpu,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const [model, images] = [await openNsfwModel(), await emojiImages()];
    using device = await openDevice("cpu");
    using golden = await openSafetensors(GOLDEN);
    const [classes, features] = [
      await golden.read(CLASSES) as Float32Array,
      await golden.read(FEATURES) as Float32Array,
    ];
    const size = 3 * SIDE * SIDE, count = images.length / size;
    assertEquals([classes.length, features.length], [5 * count, 2048 * count]);
    for (let i = 0; i < count; i++) {
      using _scope = device.scope();
      const pixels = device.tensor([1, 3, SIDE, SIDE], images.slice(i * size, (i + 1) * size));
      const values = new KerasGraph(device, model).run(pixels);
      const [seen, wanted] = [await values.get(CLASSES)!.read(), classes.subarray(5 * i, 5 * (i + 1))];
      assertEquals(indexOfLargest(seen as Float32Array), indexOfLargest(wanted));
      assertLess(relativeError(seen as Float32Array, wanted), TOLERANCE);
      const found = await values.get(FEATURES)!.read() as Float32Array;
      assertLess(relativeError(found, features.subarray(2048 * i, 2048 * (i + 1))), TOLERANCE);
    }
  },
});
