import type { DitConfig, DitModelConfig } from "./config.ts";

/** The sizes of the DiT paper, table 1: depth, channels, heads. */
export type DitSize = "S" | "B" | "L" | "XL";

const SIZES: Readonly<Record<DitSize, Pick<DitModelConfig, "depth" | "hidden_size" | "num_heads">>> = {
  S: { depth: 12, hidden_size: 384, num_heads: 6 },
  B: { depth: 12, hidden_size: 768, num_heads: 12 },
  L: { depth: 24, hidden_size: 1024, num_heads: 16 },
  XL: { depth: 28, hidden_size: 1152, num_heads: 16 },
};

/** A network of the DiT paper for latents of 32x32x4 (ImageNet at 256x256), patch 2. */
export function ditSize(size: DitSize): DitModelConfig {
  return {
    input_size: 32,
    patch_size: 2,
    in_channels: 4,
    ...SIZES[size],
    mlp_ratio: 4,
    num_classes: 1000,
    class_dropout_prob: 0.1,
    learn_sigma: true,
    use_swiglu: false,
  };
}

/** A network for 32x32 colour images on a laptop. */
export const DIT_NANO_MODEL: DitModelConfig = {
  ...ditSize("S"),
  patch_size: 4,
  in_channels: 3,
  hidden_size: 128,
  depth: 4,
  num_heads: 4,
  num_classes: 9,
};

/** DiT-S/2: 33M parameters. */
export const DIT_S_2: DitConfig = { family: "dit", model: ditSize("S") };
/** DiT-B/2: 131M parameters. */
export const DIT_B_2: DitConfig = { family: "dit", model: ditSize("B") };
/** DiT-L/2: 458M parameters. */
export const DIT_L_2: DitConfig = { family: "dit", model: ditSize("L") };
/** DiT-XL/2: 675M parameters. */
export const DIT_XL_2: DitConfig = { family: "dit", model: ditSize("XL") };
/** A dense DiT for 32x32 colour images on a laptop. */
export const DIT_NANO: DitConfig = { family: "dit", model: DIT_NANO_MODEL };
