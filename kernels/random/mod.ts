/**
 * Random numbers as a pure function of (seed, stream, step, index), with the same bits on every device.
 *
 * @module
 */
import { normalTable } from "../../engine/core/random.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { RANDOM_NORMAL, RANDOM_UNIFORM } from "./kernel.ts";

export { RANDOM_NORMAL, RANDOM_UNIFORM, type RandomAttrs } from "./kernel.ts";

/**
 * Uniform numbers in [0, 1), multiples of 2^-24: the bits of `Philox.uniforms()` on the host.
 *
 * @param rng `u32[3]`: low word of the seed, high word of the seed, step
 * @param stream tells draws of one step apart: every use takes a number of its own
 */
export function randomUniform(rng: Tensor, shape: Shape, stream: number): Tensor {
  return apply(RANDOM_UNIFORM, [rng], { shape, stream })[0];
}

/**
 * Standard normal numbers, at most 6.34 in magnitude: the bits of `Philox.normals()` on the host.
 *
 * @param rng `u32[3]`: low word of the seed, high word of the seed, step
 * @param stream tells draws of one step apart: every use takes a number of its own
 */
export function randomNormal(rng: Tensor, shape: Shape, stream: number): Tensor {
  const table = rng.device.constant("normal icdf", () => {
    const data = normalTable();
    return { shape: [data.length], data };
  });
  return apply(RANDOM_NORMAL, [rng, table], { shape, stream })[0];
}
