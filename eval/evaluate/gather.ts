import type { FeatureNetwork } from "../features.ts";
import type { BatchProgress, ImageStream } from "../images/image_stream.ts";
import { FeatureSums } from "./feature_sums.ts";
import { FirstImages } from "./first_images.ts";
import { peakMemory } from "./peak_memory.ts";
import { restoreState, saveState } from "./state_file.ts";
import type { Settings } from "./settings.ts";

/** How far an evaluation is. */
export interface GatherProgress {
  /** Images whose features are in. */
  readonly images: number;
  /** Images in all. */
  readonly total: number;
  /** How far the batch is that is being made. */
  readonly batch?: string;
  /** Of this run, counting the part of the batch that is done. */
  readonly imagesPerSecond: number;
}

/** What is gathered, and how. */
export interface GatherOptions {
  /** The images. */
  readonly images: ImageStream;
  /** The network. */
  readonly network: FeatureNetwork;
  /** Images of a batch; a batch is never cut by a stop. */
  readonly batch: number;
  /** Pieces of torch-fidelity's split rule. */
  readonly splits: number;
  /** Whether features themselves are kept, for precision, recall and KID. */
  readonly manifold: boolean;
  /** Folder that errors name. */
  readonly folder: string;
  /** The file of the state. */
  readonly state: string;
  /** What decides the numbers. */
  readonly settings: Settings;
  /** Seconds between two writes of the state. */
  readonly saveEvery: number;
  /** Called before and during every batch. */
  readonly onProgress?: (progress: GatherProgress) => void;
  /** Given the images of every batch, and the number of the first; awaited before the state is saved. */
  readonly onImages?: (images: Float32Array | Uint8Array, from: number) => Promise<void> | void;
  /** Asked after every batch; true saves and ends. */
  readonly shouldStop?: () => boolean;
}

/** What came of it. */
export interface Gathered {
  /** The sums; of all images unless the run was stopped. */
  readonly sums: FeatureSums;
  /** The images of the picture. */
  readonly first: FirstImages;
  /** Seconds that all runs of this evaluation took together. */
  readonly seconds: number;
  /** Most bytes that the process held. */
  readonly peakBytes: number;
  /** Whether all images are in. */
  readonly complete: boolean;
}

/**
 * Runs images through a network, batch after batch, from where a saved state left off. Batches and sums have a fixed
 * order, so that stops change no bit of the result.
 *
 * @throws {ConfigError} when the state that is there is of other settings
 * @throws {NonFiniteError} when a feature is not a finite number
 */
export async function gatherFeatures(options: GatherOptions): Promise<Gathered> {
  const { images, network, batch, settings, state } = options;
  const first = new FirstImages(images.count, images.height, images.width);
  const sums = new FeatureSums({ ...options, images: images.count, network });
  const before = await restoreState(state, options.folder, settings, { sums, first });
  const clock = new Clock(sums.images);
  const seconds = () => before + clock.seconds;
  let [peakBytes, saved, stopped] = [peakMemory(), clock.seconds, false];
  while (sums.images < images.count && !stopped) {
    const from = sums.images;
    const to = Math.min(images.count, from + batch);
    const tell = (own?: BatchProgress) => {
      const imagesPerSecond = clock.rate(from + (own ? (to - from) * own.part : 0));
      options.onProgress?.({ images: from, total: images.count, batch: own?.text, imagesPerSecond });
    };
    tell();
    const pixels = await images.read(from, to, tell);
    await options.onImages?.(pixels, from);
    first.add(pixels);
    sums.add(await network.extract(pixels));
    peakBytes = Math.max(peakBytes, peakMemory());
    stopped = options.shouldStop?.() ?? false;
    if (stopped || sums.images === images.count || clock.seconds - saved >= options.saveEvery) {
      await saveState(state, settings, { sums, first }, seconds());
      saved = clock.seconds;
    }
  }
  return { sums, first, seconds: seconds(), peakBytes, complete: sums.images === images.count };
}

class Clock {
  readonly #started = performance.now();

  constructor(private readonly from: number) {}

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  rate(images: number): number {
    return (images - this.from) / Math.max(this.seconds, 1e-9);
  }
}
