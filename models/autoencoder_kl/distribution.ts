/**
 * The latent distribution of an autoencoder: a normal one for every number of a latent, independent of all others
 * (Kingma and Welling, arXiv 1312.6114; reference behaviour 53).
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { define } from "../../kernels/elementwise/mod.ts";
import * as ex from "../../kernels/expression/expression.ts";
import { sumTo } from "../../kernels/reduce/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { split } from "../../kernels/split/mod.ts";

/** Means and logarithms of variances. */
export interface LatentDistribution {
  /** `f32[B, L, h, w]` */
  readonly mean: Tensor;
  /** `f32[B, L, h, w]`, from -30 to 20 */
  readonly logvar: Tensor;
}

const CLAMP = define("clamp_logvar", ["f32"], (x) => ex.min(ex.max(x, -30), 20));
const DEVIATION = define("deviation", ["f32"], (logvar) => ex.exp(ex.mul(0.5, logvar)));
const SAMPLE = define(
  "sample_latent",
  ["f32", "f32", "f32"],
  (mean, logvar, noise) => ex.add(mean, ex.mul(ex.exp(ex.mul(0.5, logvar)), noise)),
);
const KL_TERM = define(
  "kl_normal",
  ["f32", "f32"],
  (mean, logvar) => ex.mul(0.5, ex.sub(ex.add(ex.mul(mean, mean), ex.exp(logvar)), ex.add(logvar, 1))),
);
const KL_OTHER_TERM = define(
  "kl_between",
  ["f32", "f32", "f32", "f32"],
  (mean, logvar, mean2, logvar2) => {
    const difference = ex.sub(mean, mean2);
    // The exponential of a difference would lose the digits that rounding the difference loses.
    const scaled = ex.mul(ex.add(ex.mul(difference, difference), ex.exp(logvar)), ex.exp(ex.neg(logvar2)));
    return ex.mul(0.5, ex.sub(scaled, ex.add(ex.sub(logvar, logvar2), 1)));
  },
);
const NLL_TERM = define("normal_nll", ["f32", "f32", "f32"], (x, mean, logvar) => {
  const difference = ex.sub(x, mean);
  const distance = ex.mul(ex.mul(difference, difference), ex.exp(ex.neg(logvar)));
  return ex.mul(0.5, ex.add(ex.add(logvar, Math.log(2 * Math.PI)), distance));
});

/**
 * Takes means and clamped log-variances out of the moments.
 *
 * @param moments `f32[B, 2*L, h, w]`
 */
export function distributionOf(moments: Tensor): LatentDistribution {
  const [mean, logvar] = split(moments, 1, 2);
  return { mean, logvar: apply(CLAMP, [logvar], {})[0] };
}

/** Standard deviations, `f32[B, L, h, w]`. */
export function deviationOf({ logvar }: LatentDistribution): Tensor {
  return apply(DEVIATION, [logvar], {})[0];
}

/**
 * `mean + exp(logvar / 2) * noise`.
 *
 * @param noise standard normal, `f32[B, L, h, w]`
 * @returns `f32[B, L, h, w]`, not scaled
 */
export function sampleLatent({ mean, logvar }: LatentDistribution, noise: Tensor): Tensor {
  return apply(SAMPLE, [mean, logvar, noise], {})[0];
}

/** Kullback-Leibler divergence from the standard normal distribution, or from `other`: `f32[B]`. */
export function latentDivergence({ mean, logvar }: LatentDistribution, other?: LatentDistribution): Tensor {
  return perImage(
    other
      ? apply(KL_OTHER_TERM, [mean, logvar, other.mean, other.logvar], {})[0]
      : apply(KL_TERM, [mean, logvar], {})[0],
  );
}

/**
 * Negative log-likelihood of latents.
 *
 * @param x `f32[B, L, h, w]`
 * @returns `f32[B]`
 */
export function latentNll({ mean, logvar }: LatentDistribution, x: Tensor): Tensor {
  return perImage(apply(NLL_TERM, [x, mean, logvar], {})[0]);
}

function perImage(terms: Tensor): Tensor {
  const [batch, ...rest] = terms.shape;
  return reshape(sumTo(terms, [batch, ...rest.map(() => 1)]), [batch]);
}
