import type { Device } from "../../engine/device/device.ts";
import { FeatureExtractor } from "../../models/inception/mod.ts";
import { CLASSIFIER_POOL_SIZE, type ClassifierNetwork } from "./network.ts";

/** Runs a classifier; outputs of a diffusion model are rounded as a PNG file would hold them. */
export function createClassifierExtractor(
  device: Device,
  network: ClassifierNetwork,
  batch: number,
): Promise<FeatureExtractor> {
  const { imageSize, spatialSize, classes } = network;
  return FeatureExtractor.create(device, {
    name: "classifier features",
    batch,
    height: imageSize,
    width: imageSize,
    rule: "png",
    widths: { pool: CLASSIFIER_POOL_SIZE, spatial: spatialSize, logits: classes },
    forward: (pixels) => network.forward(pixels),
  });
}
