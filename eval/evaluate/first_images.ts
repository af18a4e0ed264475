import { pixelsOf } from "../../models/inception/pixels.ts";
import { imageGrid } from "../image_grid.ts";
import type { NumpyArray } from "../numpy/array.ts";
import type { NumpyFile } from "../numpy/file.ts";

const COLUMNS = 8;

/** Larger images get fewer rows. */
const LARGE_SIDE = 128;

/** The first images of an evaluation as bytes, for its picture. */
export class FirstImages {
  readonly #pixels: Uint8Array<ArrayBuffer>;
  #filled = 0;

  /** Takes memory for as many images as the picture shows. */
  constructor(count: number, readonly height: number, readonly width: number) {
    const rows = Math.max(height, width) > LARGE_SIDE ? 2 : 4;
    this.#pixels = new Uint8Array(Math.min(count, COLUMNS * rows) * 3 * height * width);
  }

  /** Adds images, network outputs or pixels; those that the picture does not show are left out. */
  add(images: Float32Array | Uint8Array): void {
    const count = Math.min(images.length, this.#pixels.length - this.#filled);
    const part = images.subarray(0, count);
    this.#pixels.set(part instanceof Float32Array ? pixelsOf(part, "png") : part, this.#filled);
    this.#filled += count;
  }

  /** The images so far, as an array of a file. */
  array(): NumpyArray {
    const size = 3 * this.height * this.width;
    return {
      shape: [this.#filled / size, 3, this.height, this.width],
      data: this.#pixels.slice(0, this.#filled),
    };
  }

  /** Continues from an array of a file. */
  restore(file: NumpyFile, name: string): void {
    this.#filled = 0;
    this.add(file.read(name).data as Uint8Array);
  }

  /** Draws them as a PNG; nothing for images that are not square. */
  async draw(caption: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.height !== this.width || this.#filled === 0) return undefined;
    const count = this.#filled / (3 * this.height * this.width);
    const columns = Math.min(COLUMNS, count);
    const images = Float32Array.from(this.#pixels.subarray(0, this.#filled), (byte) => byte / 127.5 - 1);
    return await imageGrid(images, {
      imageSize: this.height,
      rows: Math.ceil(count / columns),
      columns,
      scale: Math.max(1, Math.round(64 / this.height)),
      caption,
    });
  }
}
