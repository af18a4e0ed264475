import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256OfFile } from "../../../engine/checkpoint/file_digest.ts";
import { decodePng, NumpyFile } from "../../../eval/mod.ts";
import { FAKE_NAME } from "./fake_judge.ts";
import { baseFlags, evaluateFake, makeStatistics, reportOf, withWorkplace } from "./fixture.ts";

Deno.test("`evaluate` writes figures, settings, hashes and how each step was done", () =>
  withWorkplace(async (place) => {
    const flags = [...baseFlags(place), "--num=21", "--cfg=2", "--interval=0.1,0.9", "--out=result"];
    const { code, out, err } = await evaluateFake(...flags);
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /peak memory: \d+\.\d\d [MG]iB/);
    assertMatch(out, /21 images in 0:\d\d, \d+\.\d\d images\/s/);
    const report = await reportOf("result");
    assertEquals(report.metrics.map(({ name }) => name), [
      `FID (${FAKE_NAME})`,
      `sFID (${FAKE_NAME})`,
      `IS (${FAKE_NAME}), ADM splits`,
      `IS (${FAKE_NAME}), torch-fidelity splits`,
      `precision (${FAKE_NAME})`,
      `recall (${FAKE_NAME})`,
      `KID (${FAKE_NAME})`,
    ]);
    for (const { value, how } of report.metrics) assert(Number.isFinite(value) && how.length > 20);
    const checkpoint = await sha256OfFile(place.checkpoint);
    const reference = await sha256OfFile(place.reference);
    assertEquals(report.settings, {
      "--checkpoint": checkpoint,
      "--num": 21,
      "--ema": 1,
      "--sampler": "euler",
      "--steps": 2,
      "--cfg": 2,
      "--interval": "0.1,0.9",
      "--seed": 0,
      "--labels": "balanced",
      "--batch": 4,
      "--reference": reference,
      "features": `${FAKE_NAME}, ${"0".repeat(64)}`,
      "--preprocessing": "pytorch-fid",
      "--splits": 2,
      "--device": "reference",
    });
    assertEquals(report.files.map(({ role, sha256 }) => [role, sha256]), [
      ["checkpoint", checkpoint],
      ["reference", reference],
    ]);
    assertEquals([report.images.count, report.images.height, report.images.width], [21, 8, 8]);
    assertEquals(report.versions.deno, Deno.version.deno);
    const how = new Map(report.implementation.map(({ step, how }) => [step, how]));
    assertEquals(how.get("sampler"), "euler, 2 equal steps from t = 0 (noise) to t = 1 (data)");
    assertEquals(
      how.get("guidance"),
      "v_null + 2 (v_cond - v_null) for t in (0.1, 0.9), both ends excluded, none outside",
    );
    const markdown = await Deno.readTextFile(join("result", "report.md"));
    for (const { name } of report.metrics) assertStringIncludes(markdown, `| ${name} | `);
    assertStringIncludes(markdown, checkpoint);
    assertStringIncludes(markdown, "![The first images](grid.png)");
    const { width, height } = decodePng(await Deno.readFile(join("result", "grid.png")), "grid.png");
    assert(width > 8 * 64 && height > 3 * 64);
  }));

Deno.test("`evaluate` gives the same images whatever the batch, and keeps them for ADM's evaluator", () =>
  withWorkplace(async (place) => {
    const images: Uint8Array[] = [];
    for (const batch of [3, 5]) {
      const flags = [`--batch=${batch}`, `--out=of${batch}`, `--save-samples=of${batch}.npz`, "--num=7"];
      assertEquals((await evaluateFake(...baseFlags(place), ...flags)).err, "");
      using file = await NumpyFile.open(`of${batch}.npz`);
      const { shape, data } = file.read("arr_0");
      assertEquals([file.names, shape], [["arr_0"], [7, 8, 8, 3]]);
      images.push(data as Uint8Array);
    }
    assertEquals(images[0], images[1]);
    assertEquals(
      (await evaluateFake(
        ...baseFlags(place),
        "--num=7",
        "--seed=1",
        "--out=other",
        "--save-samples=other.npz",
      )).err,
      "",
    );
    using other = await NumpyFile.open("other.npz");
    assert(other.read("arr_0").data.some((value, i) => value !== images[0][i]));
  }));

Deno.test("`evaluate --images` scores a folder and an archive of the reference's own images as equal to it", () =>
  withWorkplace(async ({ images, reference }) => {
    const flags = [`--reference=${reference}`, "--inception=none", "--device=reference", "--splits=2"];
    const { err } = await evaluateFake(
      ...flags,
      `--images=${images}`,
      "--batch=5",
      "--out=folder",
      "--save-samples=copy.npz",
    );
    assertEquals(err, "");
    assertEquals((await evaluateFake(...flags, "--images=copy.npz", "--batch=3", "--out=archive")).err, "");
    for (const out of ["folder", "archive"]) {
      const { metrics } = await reportOf(out);
      const value = (metric: string) => metrics.find(({ name }) => name.startsWith(metric))!.value;
      assert(Math.abs(value("FID")) < 1e-6, `${value("FID")}`);
      assert(Math.abs(value("sFID")) < 1e-6, `${value("sFID")}`);
      assertEquals([value("precision"), value("recall")], [1, 1]);
    }
    const [folder, archive] = [await reportOf("folder"), await reportOf("archive")];
    assertEquals(folder.metrics, archive.metrics);
    assertStringIncludes(folder.implementation[0].how, "8-bit PNG files");
    const part = await evaluateFake(...flags, `--images=${images}`, "--num=5", "--out=part");
    assertEquals(part.err, "");
    assertEquals((await reportOf("part")).images.count, 5);
  }));

Deno.test("`evaluate` with fewer images than features gives the distance that a longer way gives", () =>
  withWorkplace(async ({ images, reference }) => {
    // Five images, six features: the Gram form. The statistics of the five, held the other way round, go through moments.
    const flags = ["--inception=none", "--device=reference", "--splits=2", `--images=${images}`];
    const { err } = await evaluateFake(
      ...flags,
      `--reference=${reference}`,
      "--num=5",
      "--out=few",
      "--save-samples=few.npz",
    );
    assertEquals(err, "");
    await makeStatistics("few.npz", "few_stats.npz");
    assertEquals((await evaluateFake(...flags, "--reference=few_stats.npz", "--out=many")).err, "");
    const [few, many] = [(await reportOf("few")).metrics[0], (await reportOf("many")).metrics[0]];
    assert(few.value > 0.01);
    assert(Math.abs(few.value - many.value) < 1e-5 * many.value, `${few.value} ${many.value}`);
    assertStringIncludes(few.how, "N x N");
  }));

Deno.test("`evaluate` refuses another setting in a folder that has an evaluation, and begins again with --restart", () =>
  withWorkplace(async (place) => {
    const flags = [...baseFlags(place), "--num=6", "--out=result"];
    assertEquals((await evaluateFake(...flags)).code, 0);
    const before = await Deno.readTextFile(join("result", "report.json"));
    const finished = await evaluateFake(...flags);
    assertEquals([finished.code, finished.err], [0, ""]);
    assertEquals(await Deno.readTextFile(join("result", "report.json")), before);
    const changed = await evaluateFake(...flags, "--cfg=1.25");
    assertEquals(changed.code, 1);
    assertMatch(changed.err, /^error: [^\n]+\n$/);
    assertStringIncludes(changed.err, "--cfg is 1.25, it was begun with 1.5");
    const ema = await evaluateFake(...flags, "--ema=0");
    assertStringIncludes(ema.err, "--ema is 0, it was begun with 1");
    assertEquals(await Deno.readTextFile(join("result", "report.json")), before);
    assertEquals((await evaluateFake(...flags, "--cfg=1.25", "--restart")).code, 0);
    assertEquals((await reportOf("result")).settings["--cfg"], 1.25);
  }));

Deno.test("`evaluate --sweep` runs every combination, names the best, and draws it", () =>
  withWorkplace(async (place) => {
    const flags = [...baseFlags(place), "--num=8", "--out=swept", "--sweep", "cfg=1,1.5,3", "ema=0,1"];
    const { code, out, err } = await evaluateFake(...flags);
    assertEquals([code, err], [0, ""]);
    const { best, evaluations } = JSON.parse(await Deno.readTextFile(join("swept", "sweep.json")));
    assertEquals(evaluations.map(({ label }: { label: string }) => label), [
      "cfg=1 ema=0",
      "cfg=1 ema=1",
      "cfg=1.5 ema=0",
      "cfg=1.5 ema=1",
      "cfg=3 ema=0",
      "cfg=3 ema=1",
    ]);
    const values = await Promise.all(
      evaluations.map(async ({ folder }: { folder: string }) => (await reportOf(folder)).metrics[0].value),
    );
    assertEquals(new Set(values).size, 6);
    assertEquals(best, evaluations[values.indexOf(Math.min(...values))].label);
    assertStringIncludes(out, `best of 6: ${best}, FID (${FAKE_NAME})`);
    const alone = await evaluateFake(...baseFlags(place), "--num=8", "--cfg=1.5", "--ema=0", "--out=alone");
    assertEquals(alone.code, 0);
    assertEquals((await reportOf("alone")).metrics, (await reportOf(join("swept", "cfg=1.5_ema=0"))).metrics);
    assertStringIncludes(await Deno.readTextFile(join("swept", "sweep.md")), "| cfg | ema | FID");
    assert(decodePng(await Deno.readFile(join("swept", "sweep.png")), "sweep.png").width >= 800);
  }));
