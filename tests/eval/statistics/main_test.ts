import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { NumpyFile, readReferenceStatistics } from "../../../eval/mod.ts";
import { makeStatistics } from "../evaluate/fixture.ts";
import { FAKE_NAME, fakeNetwork } from "../evaluate/fake_judge.ts";
import { openImages } from "../../../eval/images/file_images.ts";
import { withImages } from "../../train/tiny_run.ts";

Deno.test("`statistics` writes what ADM's evaluator reads, whatever the batch, with features and origin beside it", () =>
  withImages(async (_folder, images) => {
    await makeStatistics(images, "one.npz", "--batch=5");
    await makeStatistics(images, "two.npz", "--batch=12");
    assertEquals(await Deno.readFile("one.npz"), await Deno.readFile("two.npz"));
    using file = await NumpyFile.open("one.npz");
    assertEquals(file.names, ["mu", "sigma", "mu_s", "sigma_s", "activations", "about"]);
    const { pool, spatial, activations, about } = await readReferenceStatistics("one.npz");
    using opened = await openImages(images);
    using network = fakeNetwork(opened);
    const features = await network.extract(await opened.read(0, 12));
    assertEquals(activations, { rows: 12, columns: 6, data: features.pool });
    for (let j = 0; j < 6; j++) {
      const own = features.pool.filter((_, i) => i % 6 === j);
      const mean = own.reduce((sum, value) => sum + value, 0) / 12;
      const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 11;
      assert(Math.abs(pool.mean[j] - mean) < 1e-12);
      assert(Math.abs(pool.covariance[7 * j] - variance) < 1e-12);
    }
    assertEquals(spatial!.mean.length, 4);
    assertEquals([about!.network, about!.preprocessing, about!.images], [
      FAKE_NAME,
      "pytorch-fid",
      opened.digest,
    ]);
    assertEquals(about!.network_sha256, "0".repeat(64));
  }));

Deno.test("`statistics --size` cuts and resizes, and `--preprocessing` is remembered", () =>
  withImages(async (_folder, images) => {
    await makeStatistics(images, "plain.npz");
    await makeStatistics(images, "small.npz", "--size=4", "--preprocessing=torch-fidelity");
    const [plain, small] = [
      await readReferenceStatistics("plain.npz"),
      await readReferenceStatistics("small.npz"),
    ];
    assert(plain.pool.mean.some((value, i) => value !== small.pool.mean[i]));
    assertEquals(small.about!.preprocessing, "torch-fidelity");
    const left = await Array.fromAsync(Deno.readDir("."), ({ name }) => name);
    assertEquals(left.filter((name) => name.endsWith(".tmp")), []);
    assertEquals(await Deno.stat(join(images, "cold")).then(({ isDirectory }) => isDirectory), true);
  }));
