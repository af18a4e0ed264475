import { ShapeError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { permuteCpu } from "../permute/cpu.ts";
import { inverseOrder, permutedShape } from "../permute/layout.ts";
import { permuteWebGpu } from "../permute/webgpu.ts";
import { patchifyReference, unpatchifyReference } from "./reference.ts";

/** How the elements of a patch follow one another: channel slowest or channel fastest. */
export type PatchOrder = "chw" | "hwc";

/** Attributes of `patchify`. */
export interface PatchifyAttrs {
  /** Pixels along each side of a patch. */
  readonly patch: number;
  /** Layout of a row. */
  readonly order: PatchOrder;
}

/** Attributes of `unpatchify`. */
export interface UnpatchifyAttrs extends PatchifyAttrs {
  /** Channels of the image. */
  readonly channels: number;
  /** Pixels from top to bottom. */
  readonly height: number;
  /** Pixels from left to right. */
  readonly width: number;
}

/** Order of [batch, channel, row of patches, patch row, column of patches, patch column] in the rows of patches. */
const ORDERS: Readonly<Record<PatchOrder, readonly number[]>> = {
  chw: [0, 2, 4, 1, 3, 5],
  hwc: [0, 2, 4, 3, 5, 1],
};

/** `[B, C, H, W]` with height and width cut into patches. */
function imageShape(batch: number, { channels, height, width, patch }: UnpatchifyAttrs): Shape {
  return [batch, channels, height / patch, patch, width / patch, patch];
}

function geometry({ shape: [, channels, height, width] }: Spec, attrs: PatchifyAttrs): UnpatchifyAttrs {
  return { ...attrs, channels, height, width };
}

function checkPatch(what: string, { height, width, patch }: UnpatchifyAttrs): void {
  if (Number.isInteger(patch) && patch > 0 && height % patch === 0 && width % patch === 0) return;
  throw new ShapeError(
    `Cannot ${what} by patches of ${patch}: height ${height} and width ${width} must be multiples of it`,
  );
}

function patchesOf(batch: number, { channels, height, width, patch }: UnpatchifyAttrs): Spec {
  return f32(batch, height * width / patch ** 2, channels * patch ** 2);
}

function inferPatchify(inputs: readonly Spec[], attrs: PatchifyAttrs): Spec {
  expectDTypes("patchify", inputs, ["f32"]);
  const [x] = inputs;
  if (x.shape.length !== 4) {
    throw new ShapeError(`Cannot patchify ${formatSpec(x)}: f32[B, C, H, W] is wanted`);
  }
  checkPatch(`patchify ${formatSpec(x)}`, geometry(x, attrs));
  return patchesOf(x.shape[0], geometry(x, attrs));
}

function inferUnpatchify(inputs: readonly Spec[], attrs: UnpatchifyAttrs): Spec {
  expectDTypes("unpatchify", inputs, ["f32"]);
  const [x] = inputs;
  const { channels, height, width } = attrs;
  const image = f32(x.shape[0] ?? 1, channels, height, width);
  checkPatch(`unpatchify ${formatSpec(x)} to ${formatSpec(image)}`, attrs);
  const wanted = patchesOf(image.shape[0], attrs);
  if (formatSpec(x) !== formatSpec(wanted)) {
    throw new ShapeError(
      `Cannot unpatchify ${formatSpec(x)} to ${formatSpec(image)}: ${formatSpec(wanted)} is wanted`,
    );
  }
  return image;
}

/** The `patchify` kernel: a permutation of the image with its height and width cut. */
export const PATCHIFY: Kernel<PatchifyAttrs> = {
  name: "patchify",
  infer: (inputs, attrs) => [inferPatchify(inputs, attrs)],
  cost: ([x]) => streamingCost([x], [x], 0),
  reference: ([x], [out], attrs) => patchifyReference(x, out, geometry(x.spec, attrs)),
  webgpu: ([x], attrs, limits) =>
    permuteWebGpu(imageShape(x.shape[0], geometry(x, attrs)), ORDERS[attrs.order], limits),
  cpu: ([x], attrs) => permuteCpu(imageShape(x.shape[0], geometry(x, attrs)), ORDERS[attrs.order]),
  vjp: ({ inputs: [x], grads: [grad], attrs }) => [
    grad && apply(UNPATCHIFY, [grad], geometry(x.spec, attrs))[0],
  ],
};

function unpatchifyPermutation(x: Spec, attrs: UnpatchifyAttrs): [Shape, readonly number[]] {
  const order = ORDERS[attrs.order];
  return [permutedShape(imageShape(x.shape[0], attrs), order), inverseOrder(order)];
}

/** The `unpatchify` kernel. */
export const UNPATCHIFY: Kernel<UnpatchifyAttrs> = {
  name: "unpatchify",
  infer: (inputs, attrs) => [inferUnpatchify(inputs, attrs)],
  cost: ([x]) => streamingCost([x], [x], 0),
  reference: ([x], [out], attrs) => unpatchifyReference(x, out, attrs),
  webgpu: ([x], attrs, limits) => permuteWebGpu(...unpatchifyPermutation(x, attrs), limits),
  cpu: ([x], attrs) => permuteCpu(...unpatchifyPermutation(x, attrs)),
  vjp: ({ grads: [grad], attrs: { patch, order } }) => [
    grad && apply(PATCHIFY, [grad], { patch, order })[0],
  ],
};
