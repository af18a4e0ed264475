/**
 * The autoencoder that latent diffusion models work in.
 *
 * @module
 */
export { AutoencoderKL } from "./autoencoder_kl.ts";
export { type CodecOptions, type EncodedImages, LatentCodec } from "./codec.ts";
export { type AutoencoderConfig, downsamplingOf, SD_VAE_FT, validateAutoencoder } from "./config.ts";
export {
  deviationOf,
  distributionOf,
  type LatentDistribution,
  latentDivergence,
  latentNll,
  sampleLatent,
} from "./distribution.ts";
export { type OpenAutoencoder, openAutoencoder } from "./open.ts";
