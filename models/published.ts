/** FID-50K and Inception Score of one way of sampling. */
export interface Score {
  readonly fid: number;
  readonly inceptionScore: number;
}

/** What a paper reports of a preset on ImageNet 256x256. */
export interface Published {
  /** Without guidance; absent where it is not reported. */
  readonly unguided?: Score;
  /** With guidance: a scale of 1.5 for latent models, an interval for pixel models. */
  readonly guided: Score;
}

function latent(fid: number, score: number, guidedFid: number, guidedScore: number): Published {
  return {
    unguided: { fid, inceptionScore: score },
    guided: { fid: guidedFid, inceptionScore: guidedScore },
  };
}

function pixel(fid: number, inceptionScore: number): Published {
  return { guided: { fid, inceptionScore } };
}

/** Published results by preset (arXiv 2512.01252); none of them was reproduced here. */
export const PUBLISHED: Readonly<Record<string, Published>> = {
  "dsmoe-s-e16": latent(39.84, 38.63, 14.53, 97.55),
  "dsmoe-s-e48": latent(40.20, 38.09, 14.81, 96.51),
  "dsmoe-b-e16": latent(20.33, 71.42, 4.50, 186.79),
  "dsmoe-b-e48": latent(19.46, 72.69, 4.27, 191.03),
  "dsmoe-l-e16": latent(9.80, 115.45, 2.59, 272.55),
  "dsmoe-l-e48": latent(9.19, 118.52, 2.55, 278.35),
  "dsmoe-3b-e16": latent(7.52, 135.29, 2.38, 304.93),
  "diffmoe-s-e16": latent(41.02, 37.53, 15.47, 94.04),
  "diffmoe-b-e16": latent(20.83, 70.26, 4.87, 183.43),
  "diffmoe-l-e16": latent(11.16, 107.74, 2.84, 256.57),
  "jit-b-16": pixel(4.81, 222.32),
  "jit-l-16": pixel(3.19, 309.72),
  "jitmoe-b-16-e16": pixel(4.23, 245.53),
  "jitmoe-l-16-e16": pixel(3.10, 311.34),
};
