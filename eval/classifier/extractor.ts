import { ShapeError } from "../../engine/core/errors.ts";
import { f32 } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import type { Program } from "../../engine/program/program.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { type ImageFeatures, pixelsOf } from "../../models/inception/mod.ts";
import { CLASSIFIER_POOL_SIZE, type ClassifierNetwork } from "./network.ts";

type Results = { pool: Tensor; spatial: Tensor; logits: Tensor };

/** Runs a classifier on any number of images, `batch` at a time, by one recorded program. */
export class ClassifierExtractor implements Disposable {
  private constructor(
    private readonly network: ClassifierNetwork,
    private readonly input: Tensor,
    private readonly program: Program<Results>,
  ) {}

  /** Records the program; the weights stay their owner's. */
  static async create(
    device: Device,
    network: ClassifierNetwork,
    batch: number,
  ): Promise<ClassifierExtractor> {
    const { imageSize } = network;
    const input = device.persistent(f32(batch, 3, imageSize, imageSize));
    const program = await device.record("classifier features", () => ({ ...network.forward(input) }));
    return new ClassifierExtractor(network, input, program);
  }

  /**
   * Extracts features.
   *
   * @param images network outputs, `f32[n, 3, S, S]`, about [-1, 1], which are rounded as a PNG file would hold them,
   *   or pixels, `u8[n, 3, S, S]`
   * @throws {ShapeError} when the images are not whole
   */
  async extract(images: Float32Array | Uint8Array): Promise<ImageFeatures> {
    const [batch, , side] = this.input.shape;
    const size = 3 * side * side;
    const count = images.length / size;
    if (!Number.isInteger(count)) {
      throw new ShapeError(
        `Cannot extract features of ${images.length} numbers: [n, 3, ${side}, ${side}] wanted`,
      );
    }
    const widths = {
      pool: CLASSIFIER_POOL_SIZE,
      spatial: this.network.spatialSize,
      logits: this.network.classes,
    };
    const features = {
      pool: new Float32Array(count * widths.pool),
      spatial: new Float32Array(count * widths.spatial),
      logits: new Float32Array(count * widths.logits),
    };
    for (let from = 0; from < count; from += batch) {
      const part = images.subarray(from * size, Math.min(count, from + batch) * size);
      const pixels = new Float32Array(batch * size);
      pixels.set(part instanceof Float32Array ? pixelsOf(part, "png") : part);
      this.input.write(pixels);
      this.program.run();
      for (const name of ["pool", "spatial", "logits"] as const) {
        const values = await this.program.results[name].read() as Float32Array;
        features[name].set(values.subarray(0, (part.length / size) * widths[name]), from * widths[name]);
      }
    }
    return features;
  }

  /** Releases the program and its input. */
  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
    this.input.device.release(this.input);
  }
}
