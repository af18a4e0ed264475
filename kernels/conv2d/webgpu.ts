import { DeviceError } from "../../engine/core/errors.ts";
import { f32, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { registerTile, TILE_N } from "../matmul/tile.ts";
import { splitDepth, sumLaunch } from "../matmul/webgpu.ts";
import source from "./conv2d.wgsl" with { type: "text" };
import weightGradientSource from "./conv2d_weight_gradient.wgsl" with { type: "text" };
import { forwardProduct, type Gather, inputGradientProducts, type Product, windowsOf } from "./product.ts";
import {
  type Conv2dAttrs,
  type Conv2dInputGradientAttrs,
  conv2dSizes,
  type Conv2dWeightGradientAttrs,
  inputGradientSizes,
  weightGradientSizes,
} from "./sizes.ts";
import windowsSource from "./windows.wgsl" with { type: "text" };

/** Steps of k that one invocation may sum on Mesa's llvmpipe, which ends its loops after 65,535 rounds in all. */
const MOST_SOFTWARE_STEPS = 20_000;

/** Positions that the weight's gradient can number. */
const MOST_POSITIONS = 2 ** 25;

/** One launch: the weight times the windows of the image. */
export function conv2dWebGpu(inputs: readonly Spec[], attrs: Conv2dAttrs, limits: Limits): WebGpuPlan {
  const bias = inputs.length === 3;
  const sizes = conv2dSizes(inputs[0], inputs[1], attrs);
  const product = forwardProduct(sizes, { bias, relu: attrs.activation === "relu" });
  // Without a bias its binding is filled by the weight, which the shader then does not read there.
  return { launches: [productLaunch(product, [1, 0, inputs.length, bias ? 2 : 1], limits)] };
}

/** One launch for each phase of the stride; a phase that no tap reaches writes zeros. */
export function inputGradientWebGpu(
  inputs: readonly Spec[],
  attrs: Conv2dInputGradientAttrs,
  limits: Limits,
): WebGpuPlan {
  const products = inputGradientProducts(inputGradientSizes(inputs[0], inputs[1], attrs));
  return { launches: products.map((product) => productLaunch(product, [1, 0, 2, 1], limits)) };
}

function productLaunch(product: Product, bindings: readonly number[], limits: Limits): Launch {
  const { gather, rows, weights, placement, bias, relu } = product;
  const k = depthOf(gather), positions = positionsOf(gather);
  if (limits.software && k > MOST_SOFTWARE_STEPS) {
    throw new DeviceError(
      `Cannot sum ${k} products a pixel on a software adapter: at most ${MOST_SOFTWARE_STEPS} wanted`,
    );
  }
  const height = rows <= 32 ? 4 : 8;
  return {
    source: tileOfWindows(height, limits) + source,
    overrides: {
      ...windowOverrides(gather),
      ...{ TRANS_A: 0, TRANS_B: 0, M: rows, K: k, POSITIONS: positions },
      ...{ WEIGHT_BASE: weights.base, WEIGHT_ROW: weights.row, WEIGHT_CHANNEL: weights.channel },
      ...{ WEIGHT_Y: weights.taps[0], WEIGHT_X: weights.taps[1] },
      ...{ OUT_HEIGHT: placement.height, OUT_WIDTH: placement.width },
      ...{ OFFSET_Y: placement.offset[0], OFFSET_X: placement.offset[1] },
      ...{ STEP_Y: placement.step[0], STEP_X: placement.step[1] },
      ...{ BIAS: Number(bias), RELU: Number(relu) },
    },
    bindings,
    groups: gridOf(Math.ceil(rows / (8 * height)) * Math.ceil(positions / TILE_N), limits),
  };
}

/** The register tile over windows, whose places take divisions to find. */
function tileOfWindows(rows: number, limits: Limits): string {
  return registerTile({ rows, memory: windowsSource, costly: true }, limits);
}

/** Overrides of windows.wgsl. */
function windowOverrides(gather: Gather): Record<string, number> {
  return {
    ...{ CHANNELS: gather.channels, HEIGHT: gather.height, WIDTH: gather.width },
    ...{ GRID_ROWS: gather.rows, GRID_COLUMNS: gather.columns },
    ...{ STRIDE_Y: gather.stride[0], STRIDE_X: gather.stride[1] },
    ...{ ORIGIN_Y: gather.origin[0], ORIGIN_X: gather.origin[1] },
    ...{ TAPS_Y: gather.taps[0], TAPS_X: gather.taps[1] },
  };
}

function depthOf({ channels, taps }: Gather): number {
  return channels * taps[0] * taps[1];
}

function positionsOf({ batch, rows, columns }: Gather): number {
  return batch * rows * columns;
}

/** One launch, or two where positions are split. */
export function weightGradientWebGpu(
  inputs: readonly Spec[],
  attrs: Conv2dWeightGradientAttrs,
  limits: Limits,
): WebGpuPlan {
  const sizes = weightGradientSizes(inputs[0], inputs[1], attrs);
  const gather = windowsOf(sizes), m = sizes.outputs, k = depthOf(gather), positions = positionsOf(gather);
  if (positions > MOST_POSITIONS) {
    throw new DeviceError(
      `Cannot sum the gradient of a weight over ${positions} pixels: at most ${MOST_POSITIONS} wanted`,
    );
  }
  const height = m <= 32 ? 4 : 8, tiles = Math.ceil(m / (8 * height)) * Math.ceil(k / TILE_N);
  const depth = splitDepth(positions, tiles), splits = Math.ceil(positions / depth);
  const launch = {
    source: tileOfWindows(height, limits) + weightGradientSource,
    overrides: {
      ...windowOverrides(gather),
      ...{ TRANS_A: 0, TRANS_B: 1, M: m, K: k, POSITIONS: positions, SPLITS: splits, DEPTH: depth },
    },
    groups: gridOf(splits * tiles, limits),
  };
  if (splits === 1) return { launches: [{ ...launch, bindings: [1, 0, 2] }] };
  const sum = sumLaunch(splits, m * k, [3, 2], limits);
  return { launches: [{ ...launch, bindings: [1, 0, 3] }, sum], scratch: [f32(splits, m * k)] };
}
