import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openDevice } from "../../../engine/device/open.ts";
import { main as evaluate } from "../../../eval/evaluate/main.ts";
import type { EvaluationReport } from "../../../eval/evaluate/report.ts";
import { main as statistics } from "../../../eval/statistics/main.ts";
import { captured } from "../../output.ts";
import { runTiny, tinyConfig, withImages } from "../../train/tiny_run.ts";
import { openFakeFeatures, openFakeJudge } from "./fake_judge.ts";

/** What tests of `evaluate` work with. */
export interface Workplace {
  /** Where everything is; the working folder. */
  readonly folder: string;
  /** Twelve PNG files of 8 x 8 in two class folders. */
  readonly images: string;
  /** Checkpoint of a tiny model of such images, with an average. */
  readonly checkpoint: string;
  /** Statistics of the images in the fake network's features. */
  readonly reference: string;
}

/** Runs `body` beside a tiny checkpoint and the statistics of its images. */
export async function withWorkplace(body: (place: Workplace) => Promise<void>): Promise<void> {
  await withImages(async (folder, images) => {
    const config = tinyConfig(images);
    using device = await openDevice("reference");
    const { checkpoint } = await runTiny(
      device,
      { ...config, optim: { ...config.optim, ema_decay: 0.5, lr: 0.01 } },
      join(folder, "run"),
    );
    const reference = join(folder, "stats.npz");
    await makeStatistics(images, reference);
    await body({ folder, images, checkpoint, reference });
  });
}

/** Writes statistics of images in the fake network's features, with every image's. */
export async function makeStatistics(images: string, out: string, ...flags: string[]): Promise<void> {
  const args = [images, "--inception=none", `--out=${out}`, "--activations", "--device=reference", ...flags];
  const { value, err } = await captured(() => statistics(args, openFakeFeatures));
  assertEquals([value, err], [0, ""]);
}

/** Options that every test of the workplace gives. */
export function baseFlags({ checkpoint, reference }: Workplace): string[] {
  return [
    `--checkpoint=${checkpoint}`,
    `--reference=${reference}`,
    "--inception=none",
    "--device=reference",
    "--steps=2",
    "--batch=4",
    "--splits=2",
  ];
}

/** Runs `evaluate` in this process with the fake network. */
export async function evaluateFake(
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const { value: code, out, err } = await captured(() => evaluate(args, openFakeJudge));
  return { code, out, err };
}

/** The report of an evaluation's folder. */
export async function reportOf(folder: string): Promise<EvaluationReport> {
  return JSON.parse(await Deno.readTextFile(join(folder, "report.json")));
}
