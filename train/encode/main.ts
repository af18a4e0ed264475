/**
 * `deno task encode`: caches the latents of a folder of images, for training in latent space.
 *
 * @module
 */
import { basename, join } from "@std/path";
import { type Command, type CommandLine, runCommand, say } from "../../cli/command.ts";
import { DEVICE_FLAGS, deviceOptions } from "../../cli/device_flags.ts";
import { formatDuration, ProgressLine } from "../../cli/progress.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import type { Device } from "../../engine/device/device.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../../engine/device/open.ts";
import { LatentCodec } from "../../models/autoencoder_kl/codec.ts";
import { openAutoencoder } from "../../models/autoencoder_kl/open.ts";
import { folderSource } from "../dataset/mod.ts";
import { encodeImages, type LatentEncoder } from "./encode.ts";

/** The command line of `deno task encode`. */
export const COMMAND: Command = {
  name: "encode",
  summary:
    "Cache the latents of a folder of images, for train --data. Stopped at any time, the same command goes on.",
  positional: "DIR",
  flags: [
    {
      name: "vae",
      value: "FILE",
      help: "weights of the autoencoder: safetensors, .pt, .pth or hub:OWNER/REPO/FILE",
    },
    { name: "out", value: "DIR", help: "folder of the shards" },
    { name: "size", value: "N", help: "side of the images, cut to a square and resized (default 256)" },
    { name: "batch", value: "N", help: "images that are encoded together (default 8)" },
    { name: "shard", value: "N", help: "images of a file (default 1024)" },
    { name: "restart", help: "remove the shards that are there and begin again" },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...DEVICE_FLAGS,
  ],
};

/** Runs `deno task encode`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, encode);
}

async function encode(line: CommandLine): Promise<void> {
  const [directory, ...more] = line.positional;
  if (directory === undefined || more.length > 0) {
    throw new ConfigError(
      `Cannot encode ${line.positional.join(" ") || "nothing"}: wanted one folder of images`,
    );
  }
  const [vae, out] = ["vae", "out"].map((name) => required(line, name));
  const size = line.number("size", 8, true) ?? 256;
  const batch = line.number("batch", 1, true) ?? 8;
  const shard = line.number("shard", 1, true) ?? 1024;
  const source = await folderSource(directory);
  using device = await openDevice(line.text("device"), deviceOptions(line));
  say(describeDevice(device));
  say(`data: ${source.files.length} images of ${source.classNames.length} classes from ${source.location}`);
  using encoder = await openEncoder(device, vae, size, batch);
  if (line.has("restart")) await removeShards(out);
  const progress = new ProgressLine();
  const started = performance.now();
  const index = await encodeImages({
    ...{ source, encoder, out, size, batch, shard },
    onProgress(done, total, encoded) {
      const rate = encoded / ((performance.now() - started) / 1000);
      const left = rate > 0
        ? `  ${rate.toFixed(2)} images/s  ${formatDuration((total - done) / rate)} left`
        : "";
      progress.show(`encoding ${done}/${total}${left}`);
    },
    onBroken: (problem) => say(`left out as broken: ${problem}`),
  });
  progress.end();
  const { count, shards, latent } = index;
  say(
    `${count} images as latents of ${latent.join(" x ")} in ${shards.length} files of ${out}, in ` +
      formatDuration((performance.now() - started) / 1000),
  );
}

function required(line: CommandLine, name: string): string {
  const value = line.text(name);
  if (value === undefined) throw new ConfigError(`Cannot encode: --${name} is missing`);
  return value;
}

async function openEncoder(
  device: Device,
  path: string,
  size: number,
  batch: number,
): Promise<LatentEncoder & Disposable> {
  const { model, sha256, [Symbol.dispose]: release } = await openAutoencoder(device, path);
  const codec = await LatentCodec.create(device, model, { batch, height: size, width: size });
  const [channels, height, width] = codec.latentShape;
  return {
    file: basename(path),
    sha256,
    scalingFactor: model.config.scaling_factor,
    latent: [channels, height, width],
    encode: (images) => codec.encode(images),
    [Symbol.dispose]() {
      codec[Symbol.dispose]();
      release();
    },
  };
}

/** Removes what an earlier run wrote, and nothing else. */
async function removeShards(folder: string): Promise<void> {
  const own = /^(?:latents-\d{5,}\.safetensors|index\.json)(?:\.tmp)?$/;
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch(() => []);
  for (const name of names.filter((name) => own.test(name))) await Deno.remove(join(folder, name));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
