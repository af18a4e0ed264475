/**
 * `deno task statistics`: the reference file of an evaluation, from images.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../../cli/command.ts";
import { DEVICE_FLAGS, deviceOptions } from "../../cli/device_flags.ts";
import { formatDuration, ProgressLine } from "../../cli/progress.ts";
import { ConfigError, DataError } from "../../engine/core/errors.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../../engine/device/open.ts";
import { type Preprocessing, PREPROCESSINGS } from "../../models/inception/mod.ts";
import { NETWORK_BATCH } from "../evaluate/network.ts";
import { formatBytes } from "../evaluate/report.ts";
import { peakMemory } from "../evaluate/peak_memory.ts";
import { type FeatureNetwork, openInceptionFeatures } from "../features.ts";
import { openImages } from "../images/file_images.ts";
import type { ImageStream } from "../images/image_stream.ts";
import { type ReferenceStatistics, writeReferenceStatistics } from "../metrics/statistics_file.ts";
import { imageStatistics, type StatisticsOptions } from "./statistics.ts";

/** The command line of `deno task statistics`. */
export const COMMAND: Command = {
  name: "statistics",
  summary: "Write the statistics of real images that evaluate holds samples against.",
  positional: "PATH",
  flags: [
    { name: "inception", value: "FILE", help: "weights of Inception v3: safetensors, .pt or .pth" },
    { name: "out", value: "STATS.npz", help: "the file: mu, sigma, mu_s, sigma_s, as ADM names them" },
    {
      name: "size",
      value: "N",
      help: "cut the images of a folder to squares of this side (default: as they are)",
    },
    { name: "preprocessing", value: "NAME", help: `${PREPROCESSINGS.join(", ")} (default pytorch-fid)` },
    { name: "activations", help: "keep every image's features too, for precision, recall and KID" },
    { name: "batch", value: "N", help: `images of one pass (default ${NETWORK_BATCH})` },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...DEVICE_FLAGS,
  ],
};

/**
 * Runs `deno task statistics`. Returns the exit code.
 *
 * @param open stands in for what opens the network
 */
export function main(
  args: readonly string[],
  open: typeof openInceptionFeatures = openInceptionFeatures,
): Promise<number> {
  return runCommand(COMMAND, args, (line) => run(line, open));
}

async function run(line: CommandLine, open: typeof openInceptionFeatures): Promise<void> {
  const [path, ...more] = line.positional;
  if (path === undefined || more.length > 0) {
    throw new ConfigError(
      `Cannot compute statistics of ${
        line.positional.join(" ") || "nothing"
      }: one folder or .npz file wanted`,
    );
  }
  const [inception, out] = ["inception", "out"].map((name) => required(line, name));
  const preprocessing = preprocessingOf(line.text("preprocessing") ?? PREPROCESSINGS[0]);
  const batch = line.number("batch", 1, true) ?? NETWORK_BATCH;
  using images = await openImages(path, line.number("size", 1, true));
  await requireFolder(out);
  using device = await openDevice(line.text("device"), deviceOptions(line));
  say(describeDevice(device));
  const { count, height, width } = images;
  using network = await open(device, inception, { batch, height, width, preprocessing });
  say(`${count} images of ${height} x ${width}, features of ${network.name}`);
  const started = performance.now();
  const statistics = await gather(images, network, { batch, activations: line.has("activations") });
  const seconds = (performance.now() - started) / 1000;
  const about = {
    ...{ preprocessing, images: images.digest },
    network: network.name,
    network_sha256: network.sha256,
  };
  await writeReferenceStatistics(out, { ...statistics, about });
  say(`${count} images in ${formatDuration(seconds)}, peak memory: ${formatBytes(peakMemory())}`);
  say(`statistics in ${out}`);
}

async function gather(
  images: ImageStream,
  network: FeatureNetwork,
  options: Pick<StatisticsOptions, "batch" | "activations">,
): Promise<ReferenceStatistics> {
  const [progress, started] = [new ProgressLine(), performance.now()];
  const statistics = await imageStatistics(images, network, {
    ...options,
    onProgress(done, total) {
      const rate = done / ((performance.now() - started) / 1000);
      const left = formatDuration((total - done) / rate);
      progress.show(`${done}/${total} images  ${rate.toFixed(2)} images/s  ${left} left`);
    },
  });
  progress.end();
  return statistics;
}

function required(line: CommandLine, name: string): string {
  const value = line.text(name);
  if (value === undefined) throw new ConfigError(`Cannot compute statistics: --${name} is missing`);
  return value;
}

function preprocessingOf(text: string): Preprocessing {
  const found = PREPROCESSINGS.find((name) => name === text);
  if (found) return found;
  throw new ConfigError(`Cannot use --preprocessing ${text}: wanted one of ${PREPROCESSINGS.join(", ")}`);
}

/** Fails before the work, not after it; nothing is left behind. */
async function requireFolder(out: string): Promise<void> {
  try {
    const probe = `${out}.tmp`;
    (await Deno.open(probe, { write: true, create: true })).close();
    await Deno.remove(probe);
  } catch (error) {
    throw new DataError(`Cannot write ${out}: ${(error as Error).message}`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
