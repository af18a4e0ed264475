import { ShapeError } from "../../engine/core/errors.ts";
import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { makeSpec } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import type { Program } from "../../engine/program/program.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { scale } from "../../kernels/elementwise/mod.ts";
import type { AutoencoderKL } from "./autoencoder_kl.ts";
import { downsamplingOf } from "./config.ts";

/** Sizes of a codec. */
export interface CodecOptions {
  /** Images of one pass; memory grows with it. */
  readonly batch: number;
  /** Rows of an image. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
}

/** Moments of the latents of some images, on the host. */
export interface EncodedImages {
  /** Means, `f32[n, L, h, w]`, not scaled. */
  readonly mean: Float32Array<ArrayBuffer>;
  /** Logarithms of variances, `f32[n, L, h, w]`. */
  readonly logvar: Float32Array<ArrayBuffer>;
}

/** A recorded pass and the tensor that it reads. */
interface Pass<R extends Record<string, Tensor>> {
  readonly input: Tensor;
  readonly program: Program<R>;
}

/**
 * Decodes and encodes any number of images, `batch` at a time: each direction is one program, recorded on first use, so
 * that memory depends on the batch alone. The weights stay their owner's.
 */
export class LatentCodec implements Disposable {
  /** Shape of one image that is decoded: `[3, H, W]`. */
  readonly imageShape: Shape;
  /** Shape of one latent: `[L, h, w]`. */
  readonly latentShape: Shape;
  #decoding: Promise<Pass<{ images: Tensor }>> | undefined;
  #encoding: Promise<Pass<{ mean: Tensor; logvar: Tensor }>> | undefined;
  readonly #passes: Pass<Record<string, Tensor>>[] = [];

  private constructor(
    private readonly device: Device,
    private readonly vae: AutoencoderKL,
    private readonly options: CodecOptions,
  ) {
    const { batch, height, width } = options;
    const factor = downsamplingOf(vae.config);
    const whole = [batch, height / factor, width / factor].every((n) => Number.isInteger(n) && n >= 1);
    if (!whole) {
      throw new ShapeError(
        `Cannot make latents of ${batch} images of ${height} x ${width}: ` +
          `sides that are multiples of ${factor} and at least 1 image wanted`,
      );
    }
    this.imageShape = [vae.config.out_channels, height, width];
    this.latentShape = [vae.config.latent_channels, height / factor, width / factor];
  }

  /**
   * Makes a codec; nothing is recorded yet.
   *
   * @throws {ShapeError} when images have no whole latents, or the batch is empty
   */
  static create(device: Device, vae: AutoencoderKL, options: CodecOptions): Promise<LatentCodec> {
    return new Promise((resolve) => resolve(new LatentCodec(device, vae, options)));
  }

  /**
   * Decodes latents as a diffusion model makes them.
   *
   * @param latents scaled, `f32[n, L, h, w]`
   * @param onProgress called after every pass with finished and total images
   * @returns `f32[n, 3, H, W]`, about [-1, 1], not clamped
   * @throws {ShapeError} when the latents are not whole
   */
  async decode(
    latents: Float32Array,
    onProgress?: (done: number, total: number) => void,
  ): Promise<Float32Array<ArrayBuffer>> {
    const n = this.#count("decode", latents, this.latentShape);
    const { input, program } = await (this.#decoding ??= this.#recordDecoder());
    const size = sizeOf(this.imageShape);
    const images = new Float32Array(n * size);
    for (const { from, count, data } of this.#chunks(latents, n)) {
      input.write(data);
      program.run();
      const read = await program.results.images.read() as Float32Array;
      images.set(read.subarray(0, count * size), from * size);
      onProgress?.(from + count, n);
    }
    return images;
  }

  /**
   * Encodes images.
   *
   * @param images `f32[n, 3, H, W]` in [-1, 1]
   * @throws {ShapeError} when the images are not whole
   */
  async encode(images: Float32Array): Promise<EncodedImages> {
    const n = this.#count("encode", images, this.#encodedShape);
    const { input, program } = await (this.#encoding ??= this.#recordEncoder());
    const size = sizeOf(this.latentShape);
    const [mean, logvar] = [new Float32Array(n * size), new Float32Array(n * size)];
    for (const { from, count, data } of this.#chunks(images, n)) {
      input.write(data);
      program.run();
      const { results } = program;
      const [means, logvars] = [await results.mean.read(), await results.logvar.read()];
      mean.set(means.subarray(0, count * size), from * size);
      logvar.set(logvars.subarray(0, count * size), from * size);
    }
    return { mean, logvar };
  }

  /** Bytes of the planned buffers of the directions that were used. */
  get plannedBytes(): number {
    return this.#passes.reduce((sum, { program }) => sum + program.plannedBytes, 0);
  }

  get #encodedShape(): Shape {
    return [this.vae.config.in_channels, this.options.height, this.options.width];
  }

  #recordDecoder(): Promise<Pass<{ images: Tensor }>> {
    const { scaling_factor: scaling } = this.vae.config;
    return this.#record(
      "decode",
      this.latentShape,
      (z) => ({ images: this.vae.decode(scale(z, 1 / scaling)) }),
    );
  }

  #recordEncoder(): Promise<Pass<{ mean: Tensor; logvar: Tensor }>> {
    return this.#record("encode", this.#encodedShape, (x) => {
      const { mean, logvar } = this.vae.encode(x);
      return { mean, logvar };
    });
  }

  async #record<R extends Record<string, Tensor>>(
    name: string,
    shape: Shape,
    body: (input: Tensor) => R,
  ): Promise<Pass<R>> {
    const input = this.device.persistent(makeSpec("f32", [this.options.batch, ...shape]));
    const program = await this.device.record(name, () => body(input));
    const pass = { input, program };
    this.#passes.push(pass as unknown as Pass<Record<string, Tensor>>);
    return pass;
  }

  #count(verb: string, data: Float32Array, shape: Shape): number {
    const n = data.length / sizeOf(shape);
    if (Number.isInteger(n)) return n;
    throw new ShapeError(`Cannot ${verb} ${data.length} numbers: f32[n, ${shape.join(", ")}] wanted`);
  }

  /** Whole batches, the last filled up with zeros. */
  *#chunks(
    data: Float32Array,
    n: number,
  ): Generator<{ from: number; count: number; data: Float32Array<ArrayBuffer> }> {
    const { batch } = this.options;
    const size = data.length / n;
    for (let from = 0; from < n; from += batch) {
      const count = Math.min(batch, n - from);
      const chunk = new Float32Array(batch * size);
      chunk.set(data.subarray(from * size, (from + count) * size));
      yield { from, count, data: chunk };
    }
  }

  /** Releases the programs and their inputs. */
  [Symbol.dispose](): void {
    for (const { input, program } of this.#passes) {
      program[Symbol.dispose]();
      this.device.release(input);
    }
    this.#passes.length = 0;
    this.#decoding = undefined;
    this.#encoding = undefined;
  }
}
