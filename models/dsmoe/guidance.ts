import { ConfigError } from "../../engine/core/errors.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { interpolate } from "../../kernels/elementwise/mod.ts";
import { concat, split } from "../../kernels/split/mod.ts";
import type { ModelOutput } from "../model.ts";
import type { Dsmoe } from "./dsmoe.ts";

/** Channels that the reference's `forward_with_cfg` guides, whatever their number (reference behaviour 42). */
const GUIDED_CHANNELS = 3;

/**
 * The reference's `forward_with_cfg`: both halves of a batch see the images of the first half, the second half with
 * the null class. The first three channels become `v_null + scale * (v_cond - v_null)` in both halves, the others
 * stay. The samplers of this project guide all channels and do not use it; checkpoint users may.
 *
 * @param x `f32[2B, C, H, W]`; only the first half is read
 * @param t `f32[2B]`
 * @param y `i32[2B]`, the second half being the null class
 * @returns all output channels, `f32[2B, C', H, W]`
 * @throws {ConfigError} when the batch is odd
 */
export function forwardWithGuidance(
  model: Dsmoe,
  x: Tensor,
  t: Tensor,
  y: Tensor,
  scale: number,
): ModelOutput {
  const [batch] = x.shape;
  if (batch % 2 !== 0) {
    throw new ConfigError(`Cannot guide a batch of ${batch}: wanted conditional and unconditional halves`);
  }
  const [images] = split(x, 0, 2); // f32[B, C, H, W]
  const { out, routings } = model.forward(concat([images, images], 0), t, y); // f32[2B, C', H, W]
  const [conditional, unconditional] = split(out, 0, 2);
  const factor = x.device.constant(`guidance ${scale}`, () => ({ shape: [1], data: Float32Array.of(scale) }));
  const guided = interpolate(factor, conditional, unconditional); // f32[B, C', H, W]
  const channels = out.shape[1];
  const mask = x.device.constant(`guided channels of ${channels}`, () => ({
    shape: [1, channels, 1, 1],
    data: Float32Array.from({ length: channels }, (_, c) => c < GUIDED_CHANNELS ? 1 : 0),
  }));
  return { out: interpolate(mask, concat([guided, guided], 0), out), routings };
}
