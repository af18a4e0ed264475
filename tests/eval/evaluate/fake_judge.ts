/** A feature network that needs no weights, and `evaluate` with it as a program of its own, to be killed by tests. */
import { Philox } from "../../../engine/core/random.ts";
import type { Device } from "../../../engine/device/device.ts";
import { main, type OpenJudge } from "../../../eval/evaluate/main.ts";
import { openReference } from "../../../eval/evaluate/reference.ts";
import type { FeatureNetwork } from "../../../eval/features.ts";
import type { ExtractorOptions } from "../../../models/inception/mod.ts";

/** Its name in reports. */
export const FAKE_NAME = "random-projection-v1";

const SIZES = { pool: 6, spatial: 4, logits: 5 } as const;

/** Random projections of the pixels. */
export function fakeNetwork({ height, width }: Pick<ExtractorOptions, "height" | "width">): FeatureNetwork {
  const pixels = 3 * height * width;
  const project = (images: Float32Array | Uint8Array, columns: number, stream: number) => {
    const weights = new Philox(11, stream).normals(columns * pixels);
    const scale = images instanceof Uint8Array ? 127.5 : 1;
    const shift = images instanceof Uint8Array ? -1 : 0;
    return Float32Array.from({ length: images.length / pixels * columns }, (_, i) => {
      const [image, column] = [Math.floor(i / columns), i % columns];
      let sum = 0;
      for (let k = 0; k < pixels; k++) {
        sum += (images[image * pixels + k] / scale + shift) * weights[column * pixels + k];
      }
      return sum / Math.sqrt(pixels);
    });
  };
  return {
    name: FAKE_NAME,
    sha256: "0".repeat(64),
    poolSize: SIZES.pool,
    spatialSize: SIZES.spatial,
    classes: SIZES.logits,
    extract: (images) =>
      Promise.resolve({
        pool: project(images, SIZES.pool, 0),
        spatial: project(images, SIZES.spatial, 1),
        logits: project(images, SIZES.logits, 2),
      }),
    [Symbol.dispose]: () => {},
  };
}

/** Opens the fake network in place of Inception's weights, for `statistics`. */
export function openFakeFeatures(
  _device: Device,
  _path: string,
  options: ExtractorOptions,
): Promise<FeatureNetwork> {
  return Promise.resolve(fakeNetwork(options));
}

/** Opens the fake network with the reference that the options name, for `evaluate`. */
export const openFakeJudge: OpenJudge = async (_device, { reference = "" }, sides) => ({
  network: fakeNetwork(sides),
  reference: await openReference(reference),
  files: [],
});

if (import.meta.main) Deno.exit(await main(Deno.args, openFakeJudge));
