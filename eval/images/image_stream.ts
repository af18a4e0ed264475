/** How far a batch is. */
export interface BatchProgress {
  /** As in `step 120/250`. */
  readonly text: string;
  /** About what part of the batch is done, from 0 to 1. */
  readonly part: number;
}

/** Images of one size, fetched some at a time: sampled, or read from files. */
export interface ImageStream extends Disposable {
  /** Images in all. */
  readonly count: number;
  /** Rows of an image. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
  /** What a pixel is, for reports. */
  readonly format: string;
  /**
   * Fetches the images `from` to `to - 1`. One call a batch, in order; a stream may also begin at a later batch.
   *
   * @param onProgress told how far the batch is, where it takes long
   * @returns network outputs, `f32[n, 3, H, W]`, about [-1, 1], or pixels, `u8[n, 3, H, W]`
   */
  read(
    from: number,
    to: number,
    onProgress?: (progress: BatchProgress) => void,
  ): Promise<Float32Array | Uint8Array>;
}
