import type { Device } from "../engine/device/device.ts";
import {
  createInceptionExtractor,
  type ExtractorOptions,
  type ImageFeatures,
  INCEPTION_CLASSES,
  openInception,
  POOL_SIZE,
  SPATIAL_SIZE,
} from "../models/inception/mod.ts";

export type { ImageFeatures } from "../models/inception/mod.ts";

/** A network whose features images are compared by. */
export interface FeatureNetwork extends Disposable {
  /** For reports: `Inception v3 (FID)`. */
  readonly name: string;
  /** SHA-256 of its weights. */
  readonly sha256: string;
  /** Numbers of the pool features of an image. */
  readonly poolSize: number;
  /** Numbers of the spatial features of an image; 0 where it has none. */
  readonly spatialSize: number;
  /** Classes of its logits. */
  readonly classes: number;
  /**
   * Extracts features of any number of images.
   *
   * @param images network outputs, `f32[n, 3, H, W]`, about [-1, 1], or pixels, `u8[n, 3, H, W]`
   */
  extract(images: Float32Array | Uint8Array): Promise<ImageFeatures>;
}

/** Name of Inception in reports. */
export const INCEPTION_NAME = "Inception v3 (FID)";

/**
 * Opens Inception from a weights file, ready for images of one size.
 *
 * @param path see `openInception()`
 * @throws {CheckpointError} when the file is not the network's
 */
export async function openInceptionFeatures(
  device: Device,
  path: string,
  options: ExtractorOptions,
): Promise<FeatureNetwork> {
  const inception = await openInception(device, path);
  try {
    const extractor = await createInceptionExtractor(device, inception.model, options);
    return {
      name: INCEPTION_NAME,
      sha256: inception.sha256,
      poolSize: POOL_SIZE,
      spatialSize: SPATIAL_SIZE,
      classes: INCEPTION_CLASSES,
      extract: (images) => extractor.extract(images),
      [Symbol.dispose]() {
        extractor[Symbol.dispose]();
        inception[Symbol.dispose]();
      },
    };
  } catch (error) {
    inception[Symbol.dispose]();
    throw error;
  }
}
