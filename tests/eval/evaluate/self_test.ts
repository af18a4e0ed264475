import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openDevice } from "../../../engine/device/open.ts";
import { saveClassifier } from "../../../eval/classifier/file.ts";
import { CLASSIFIER_NAME, trainClassifier } from "../../../eval/classifier/mod.ts";
import { main as evaluate } from "../../../eval/evaluate/main.ts";
import { openDataset } from "../../../train/dataset/mod.ts";
import { available } from "../../devices.ts";
import { captured } from "../../output.ts";
import { reportOf, withWorkplace } from "./fixture.ts";

/** Leaves a classifier of two steps where `--self` looks for a trained one, so that none is trained for minutes. */
async function leaveClassifier(images: string): Promise<void> {
  const data = await openDataset({ data: images, imageSize: 8 });
  using device = await openDevice("cpu");
  const trained = await trainClassifier(device, data, { steps: 2, batch: 4 });
  const { digest, imageSize, classNames } = data;
  const path = join(".cache", `${CLASSIFIER_NAME}-${digest.slice(0, 12)}-${imageSize}-0.safetensors`);
  await saveClassifier(path, trained, { digest, imageSize, classes: classNames.length, seed: 0 });
  trained.network[Symbol.dispose]();
}

Deno.test({
  name: "`evaluate --self` scores in a classifier's features against the data set, and names them so [cpu]",
  ignore: !available.cpu,
  fn: () =>
    withWorkplace(async ({ images, checkpoint }) => {
      await leaveClassifier(images);
      const flags = ["--self", `--data=${images}`, "--device=cpu", "--splits=2"];
      const sampled = await captured(() =>
        evaluate([...flags, `--checkpoint=${checkpoint}`, "--num=6", "--steps=1", "--out=sampled"])
      );
      assertEquals([sampled.value, sampled.err], [0, ""]);
      assertMatch(
        sampled.out,
        /tessera-classifier-v1: \d+\.\d% of 2 held-out images named right, trained before/,
      );
      const report = await reportOf("sampled");
      assertEquals(report.metrics[0].name, "FID (tessera-classifier-v1)");
      assert(report.metrics.every(({ name }) => name.includes("(tessera-classifier-v1)")));
      assert(report.metrics.some(({ name }) => name.startsWith("precision")));
      assertEquals(report.files.map(({ role }) => role), ["checkpoint", "classifier", "reference"]);
      const same = await captured(() => evaluate([...flags, `--images=${images}`, "--out=same"]));
      assertEquals([same.value, same.err], [0, ""]);
      const { metrics, implementation } = await reportOf("same");
      assert(Math.abs(metrics[0].value) < 1e-6, `${metrics[0].value}`);
      assert(report.metrics[0].value > 0.01);
      assertStringIncludes(
        implementation.map(({ how }) => how).join(),
        "not comparable with those of Inception",
      );
    }),
});
