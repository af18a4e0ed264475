import { f32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelSuite } from "../../engine/kernel.ts";
import { PATCHIFY, type PatchifyAttrs, type PatchOrder, UNPATCHIFY, type UnpatchifyAttrs } from "./kernel.ts";

interface Size {
  readonly name: string;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly patch: number;
  readonly forwardOnly?: boolean;
}

const SIZES: readonly Size[] = [
  { name: "one pixel", batch: 1, channels: 1, height: 1, width: 1, patch: 1 },
  { name: "latents", batch: 3, channels: 4, height: 8, width: 8, patch: 2 },
  { name: "a wide image with prime channels", batch: 2, channels: 5, height: 4, width: 14, patch: 2 },
  { name: "a tall image", batch: 1, channels: 3, height: 33, width: 6, patch: 3 },
  { name: "large patches", batch: 2, channels: 3, height: 32, width: 64, patch: 16 },
  { name: "one patch", batch: 2, channels: 3, height: 7, width: 7, patch: 7 },
  {
    name: "more than 65,535 workgroups",
    batch: 5,
    channels: 3,
    height: 512,
    width: 560,
    patch: 2,
    forwardOnly: true,
  },
];

const ORDERS: readonly PatchOrder[] = ["chw", "hwc"];

const patchify: KernelSuite<PatchifyAttrs> = {
  kernel: PATCHIFY,
  cases: SIZES.flatMap(({ name, batch, channels, height, width, patch, forwardOnly }) =>
    ORDERS.map((order) => ({
      name: `${name}, ${order}`,
      inputs: [f32(batch, channels, height, width)],
      attrs: { patch, order },
      forwardOnly,
    }))
  ),
};

const unpatchify: KernelSuite<UnpatchifyAttrs> = {
  kernel: UNPATCHIFY,
  cases: SIZES.flatMap(({ name, batch, channels, height, width, patch, forwardOnly }) =>
    ORDERS.map((order) => ({
      name: `${name}, ${order}`,
      inputs: [f32(batch, height * width / patch ** 2, channels * patch ** 2)],
      attrs: { channels, height, width, patch, order },
      forwardOnly,
    }))
  ),
};

/** Sizes of `patchify` and `unpatchify`. */
export const suites: readonly AnySuite[] = [patchify, unpatchify];
