import { ShapeError } from "../../engine/core/errors.ts";
import { makeSpec } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import type { Program } from "../../engine/program/program.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { INCEPTION_CLASSES, type InceptionV3, POOL_SIZE, SPATIAL_SIZE } from "./inception.ts";
import { type PixelRule, pixelsOf } from "./pixels.ts";
import { PIXEL_RULES, preprocess, type Preprocessing } from "./preprocessing.ts";

/** Sizes of Inception's extractor, and how images come to the network. */
export interface ExtractorOptions {
  /** Images of one pass; memory grows with it. */
  readonly batch: number;
  /** Rows of an image. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
  /** How images are resized and normalised. */
  readonly preprocessing: Preprocessing;
}

/** What a network sees in n images. */
export interface ImageFeatures {
  /** Pool features, row-major: `f32[n, 2048]` of Inception. */
  readonly pool: Float32Array<ArrayBuffer>;
  /** Spatial features, row-major: `f32[n, 2023]` of Inception; empty where a network has none. */
  readonly spatial: Float32Array<ArrayBuffer>;
  /** Logits, row-major: `f32[n, 1008]` of Inception, without the bias. */
  readonly logits: Float32Array<ArrayBuffer>;
}

/** Outputs of a network on the device, one row an image. */
export type FeatureTensors = { readonly [name in keyof ImageFeatures]: Tensor };

/** A network that features are taken from. */
export interface FeatureForward {
  /** What profiles call the program. */
  readonly name: string;
  /** Images of one pass; memory grows with it. */
  readonly batch: number;
  /** Rows of an image. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
  /** How outputs of a diffusion model become pixels. */
  readonly rule: PixelRule;
  /** Numbers of an image in each output. */
  readonly widths: Readonly<Record<keyof ImageFeatures, number>>;
  /** The network, on pixels `f32[batch, 3, H, W]` from 0 to 255. */
  forward(pixels: Tensor): FeatureTensors;
}

const NAMES = ["pool", "spatial", "logits"] as const;

/** Runs a network on any number of images, `batch` at a time, by one recorded program. */
export class FeatureExtractor implements Disposable {
  private constructor(
    private readonly device: Device,
    private readonly network: FeatureForward,
    private readonly input: Tensor,
    private readonly program: Program<Record<keyof ImageFeatures, Tensor>>,
  ) {}

  /**
   * Records the program; the weights stay their owner's.
   *
   * @throws {ShapeError} when a size is not a whole number of at least 1
   */
  static async create(device: Device, network: FeatureForward): Promise<FeatureExtractor> {
    const { batch, height, width } = network;
    if (![batch, height, width].every((n) => Number.isInteger(n) && n >= 1)) {
      throw new ShapeError(
        `Cannot extract features of ${batch} images of ${height} x ${width}: at least 1 wanted`,
      );
    }
    const input = device.persistent(makeSpec("f32", [batch, 3, height, width]));
    const program = await device.record(network.name, () => ({ ...network.forward(input) }));
    return new FeatureExtractor(device, network, input, program);
  }

  /** Bytes of the planned buffers. */
  get plannedBytes(): number {
    return this.program.plannedBytes;
  }

  /**
   * Extracts features.
   *
   * @param images network outputs, `f32[n, 3, H, W]`, about [-1, 1], or pixels, `u8[n, 3, H, W]`
   * @throws {ShapeError} when the images are not whole
   */
  async extract(images: Float32Array | Uint8Array): Promise<ImageFeatures> {
    const { batch, height, width, rule, widths } = this.network;
    const size = 3 * height * width;
    const n = images.length / size;
    if (!Number.isInteger(n)) {
      throw new ShapeError(
        `Cannot extract features of ${images.length} numbers: [n, 3, ${height}, ${width}] wanted`,
      );
    }
    const features: ImageFeatures = {
      pool: new Float32Array(n * widths.pool),
      spatial: new Float32Array(n * widths.spatial),
      logits: new Float32Array(n * widths.logits),
    };
    for (let from = 0; from < n; from += batch) {
      const part = images.subarray(from * size, Math.min(n, from + batch) * size);
      const pixels = new Float32Array(batch * size);
      pixels.set(part instanceof Float32Array ? pixelsOf(part, rule) : part);
      this.input.write(pixels);
      this.program.run();
      await this.#collect(features, from, part.length / size);
    }
    return features;
  }

  /** Copies the rows of the last pass, without those that only filled the batch. */
  async #collect(features: ImageFeatures, from: number, count: number): Promise<void> {
    for (const name of NAMES) {
      const width = this.network.widths[name];
      const values = await this.program.results[name].read() as Float32Array;
      features[name].set(values.subarray(0, count * width), from * width);
    }
  }

  /** Releases the program and its input. */
  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
    this.device.release(this.input);
  }
}

/**
 * Runs Inception: resize, normalisation and network are one recorded program.
 *
 * @throws {ShapeError} when a size is not a whole number of at least 1
 */
export function createInceptionExtractor(
  device: Device,
  inception: InceptionV3,
  { preprocessing, ...sizes }: ExtractorOptions,
): Promise<FeatureExtractor> {
  return FeatureExtractor.create(device, {
    ...sizes,
    name: "features",
    rule: PIXEL_RULES[preprocessing],
    widths: { pool: POOL_SIZE, spatial: SPATIAL_SIZE, logits: INCEPTION_CLASSES },
    forward(pixels) {
      const { pool, spatial, logits } = inception.forward(preprocess(pixels, preprocessing));
      return { pool, spatial, logits };
    },
  });
}
