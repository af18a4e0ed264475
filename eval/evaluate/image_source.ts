import { sha256OfFile } from "../../engine/checkpoint/file_digest.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import type { Device } from "../../engine/device/device.ts";
import { downsamplingOf, LatentCodec, openAutoencoder } from "../../models/autoencoder_kl/mod.ts";
import { createModel } from "../../models/create.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { weightSections } from "../../models/sections.ts";
import { loadWeights, type ModelCheckpoint, openModelCheckpoint } from "../../models/weights.ts";
import { type FileImages, openImages } from "../images/file_images.ts";
import type { ImageStream } from "../images/image_stream.ts";
import { type LatentDecoder, sampleImages } from "../images/sampled_images.ts";
import { type EvaluateOptions, weightsName } from "./options.ts";
import type { Settings } from "./settings.ts";

/** A file that a report names. */
export interface FileMark {
  /** What it is, as in `checkpoint`. */
  readonly role: string;
  /** Where it is. */
  readonly path: string;
  /** Of its bytes, or of what is in the folder. */
  readonly sha256: string;
}

/** One step from noise to a figure, and how it is done. */
export interface Step {
  /** As in `sampler`. */
  readonly step: string;
  /** One sentence without its full stop. */
  readonly how: string;
}

/** Where the images of an evaluation, or of all those of a sweep, come from. */
export interface ImageSource extends Disposable {
  /** Images in all. */
  readonly count: number;
  /** Rows of an image. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
  /** What a report names. */
  readonly files: readonly FileMark[];
  /** What decides the images of one evaluation. */
  settings(options: EvaluateOptions): Settings;
  /** How they are made. */
  steps(options: EvaluateOptions): readonly Step[];
  /** The images of one evaluation; only those of the last call may be read. */
  open(options: EvaluateOptions): Promise<ImageStream>;
}

/** Images in files. */
export async function fileSource(path: string, num: number | undefined): Promise<ImageSource> {
  const images = await openImages(path);
  const count = num ?? images.count;
  if (count > images.count || count < 2) {
    images[Symbol.dispose]();
    throw new ConfigError(
      `Cannot score ${count} images of "${path}": it has ${images.count}, at least 2 wanted`,
    );
  }
  const { height, width, digest, format } = images;
  return {
    ...{ count, height, width },
    files: [{ role: "images", path, sha256: digest }],
    settings: () => ({ "--images": digest, "--num": count }),
    steps: () => [{ step: "images", how: format }],
    open: () => Promise.resolve(counted(images, count)),
    [Symbol.dispose]: () => images[Symbol.dispose](),
  };
}

/** The first images alone; the files stay their owner's. */
function counted(images: FileImages, count: number): ImageStream {
  const { height, width, format } = images;
  return {
    ...{ count, height, width, format },
    read: (from, to) => images.read(from, to),
    [Symbol.dispose]: () => {},
  };
}

/**
 * Images of a checkpoint's model. The weights of every evaluation are loaded once here, so that one that the file does
 * not have is refused before anything is sampled.
 *
 * @throws {CheckpointError} when a file is broken or of another kind
 * @throws {ConfigError} when a model of latents comes without an autoencoder, or another one with it
 */
export async function checkpointSource(
  device: Device,
  all: readonly EvaluateOptions[],
): Promise<ImageSource> {
  const [{ checkpoint: path = "", vae, batch, num = 0 }] = all;
  using owned = new DisposableStack();
  const checkpoint = owned.use(await openModelCheckpoint(path));
  const model = createModel(checkpoint.config);
  owned.use(model.params);
  model.params.allocate(device);
  for (const ema of new Set(all.map((own) => own.ema))) {
    await loadWeights(checkpoint.file, model.params, weightsName(ema));
  }
  const files = [{ role: "checkpoint", path, sha256: await sha256OfFile(checkpoint.file.path) }];
  const decoding = await openDecoder(device, model, vae, batch);
  if (decoding) {
    owned.use(decoding.decoder);
    files.push(decoding.file);
  }
  return new CheckpointSource(num, device, checkpoint, model, files, decoding?.decoder, owned.move());
}

class CheckpointSource implements ImageSource {
  readonly height: number;
  readonly width: number;

  constructor(
    readonly count: number,
    private readonly device: Device,
    private readonly checkpoint: ModelCheckpoint,
    private readonly model: DiffusionModel,
    readonly files: readonly FileMark[],
    private readonly decoder: LatentDecoder | undefined,
    private readonly owned: DisposableStack,
  ) {
    const { input_size: side } = model.config.model;
    [, this.height, this.width] = decoder?.imageShape ?? [3, side, side];
  }

  settings({ cfg, interval, steps, sampler, ema, seed, labels, batch }: EvaluateOptions): Settings {
    return {
      ...Object.fromEntries(this.files.map(({ role, sha256 }) => [`--${role}`, sha256])),
      "--num": this.count,
      "--ema": ema,
      "--sampler": sampler,
      "--steps": sampler === "dopri5" ? "chosen by dopri5" : steps,
      "--cfg": cfg,
      "--interval": interval?.join(",") ?? "always",
      "--seed": seed,
      "--labels": labels,
      "--batch": batch,
    };
  }

  steps(options: EvaluateOptions): Step[] {
    const { sampler, steps, cfg, interval, ema, seed, labels } = options;
    const sections = weightSections(this.checkpoint.file.tensors.keys());
    const average = ["", "the average (EMA)", "the second average (EMA)"][ema];
    const weights = ema > 0 && !sections.has(weightsName(ema) as "ema" | "ema2")
      ? "those of the file, which has no average"
      : average || "those of the last step";
    const { num_classes: classes } = this.model.config.model;
    return [
      {
        step: "model",
        how: `${this.checkpoint.config.family}, ${this.model.objective.name}, weights: ${weights}`,
      },
      {
        step: "labels",
        how: labels === "balanced"
          ? `${classes} classes in turn, equally often, what is left over spread over the classes`
          : `uniform over ${classes} classes, Philox of (seed ${seed}, image)`,
      },
      { step: "noise", how: `standard normal, Philox of (seed ${seed}, image), whatever the batch` },
      { step: "sampler", how: samplerText(sampler, steps, this.model.objective.singularAtData === true) },
      { step: "guidance", how: guidanceText(cfg, interval) },
      this.decoder
        ? {
          step: "decoder",
          how: "AutoencoderKL of z / scaling factor, in f32, not clamped",
        }
        : { step: "decoder", how: "none, the model samples pixels" },
    ];
  }

  async open(options: EvaluateOptions): Promise<ImageStream> {
    await loadWeights(this.checkpoint.file, this.model.params, weightsName(options.ema));
    return await sampleImages(this.device, this.model, {
      ...options,
      count: this.count,
      method: options.sampler,
      guidance: options.cfg,
      decoder: this.decoder,
    });
  }

  [Symbol.dispose](): void {
    this.owned[Symbol.dispose]();
  }
}

function samplerText(sampler: string, steps: number, singular: boolean): string {
  if (sampler === "dopri5") {
    return "Dormand-Prince 5(4), steps chosen, rtol 1e-3, atol 1e-6, of a batch together";
  }
  const last = sampler === "heun" && singular ? ", the last one of Euler" : "";
  return `${sampler}, ${steps} equal steps from t = 0 (noise) to t = 1 (data)${last}`;
}

function guidanceText(cfg: number, interval: EvaluateOptions["interval"]): string {
  if (cfg === 1) return "none (scale 1), the conditional velocity alone";
  const when = interval
    ? `for t in (${interval.join(", ")}), both ends excluded, none outside`
    : "at all times";
  return `v_null + ${cfg} (v_cond - v_null) ${when}`;
}

/** Pixels of one pass of the decoder: an image of 256 x 256. More of them would only take memory. */
const DECODED_PIXELS = 65_536;

async function openDecoder(
  device: Device,
  model: DiffusionModel,
  path: string | undefined,
  batch: number,
): Promise<{ decoder: LatentDecoder; file: FileMark } | undefined> {
  const { in_channels: channels, input_size: side } = model.config.model;
  if (path === undefined) {
    if (channels === 3) return undefined;
    throw new ConfigError(
      `Cannot make images of latents of ${channels} x ${side} x ${side}: --vae FILE is missing`,
    );
  }
  if (channels === 3) throw new ConfigError(`Cannot use --vae ${path}: the model samples pixels`);
  return await openCodec(device, path, [channels, side, side], batch);
}

async function openCodec(
  device: Device,
  path: string,
  [channels, rows, columns]: readonly [number, number, number],
  batch: number,
): Promise<{ decoder: LatentDecoder; file: FileMark }> {
  using owned = new DisposableStack();
  const vae = owned.use(await openAutoencoder(device, path));
  const { latent_channels } = vae.model.config;
  if (latent_channels !== channels) {
    throw new ConfigError(
      `Cannot decode with ${path}: the model's latents have ${channels} channels, wanted ${latent_channels}`,
    );
  }
  const [height, width] = [rows, columns].map((side) => side * downsamplingOf(vae.model.config));
  const together = Math.max(1, Math.min(batch, Math.floor(DECODED_PIXELS / (height * width))));
  const codec = owned.use(await LatentCodec.create(device, vae.model, { batch: together, height, width }));
  const { imageShape } = codec;
  const disposal = owned.move();
  return {
    file: { role: "vae", path, sha256: vae.sha256 },
    decoder: {
      imageShape,
      decode: (latents, onProgress) => codec.decode(latents, onProgress),
      [Symbol.dispose]: () => disposal[Symbol.dispose](),
    },
  };
}
