import { ShapeError } from "../../engine/core/errors.ts";
import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { bilinearCpu, nearestCpu } from "./cpu.ts";
import { bilinearBackwardCpu, nearestBackwardCpu } from "./cpu_backward.ts";
import {
  type BilinearAttrs,
  type ResizeAttrs,
  resizedSpec,
  type ResizeGeometry,
  resizeGeometry,
} from "./geometry.ts";
import {
  bilinearBackwardReference,
  bilinearReference,
  nearestBackwardReference,
  nearestReference,
} from "./reference.ts";
import { bilinearBackwardWebGpu, bilinearWebGpu, nearestBackwardWebGpu, nearestWebGpu } from "./webgpu.ts";

/** Attributes of the backward kernel of a resize by the nearest element: the size of the source. */
export interface NearestBackwardAttrs {
  /** Rows and columns of the source. */
  readonly source: readonly [rows: number, columns: number];
}

/** Attributes of the backward kernel of a bilinear resize. */
export interface BilinearBackwardAttrs extends NearestBackwardAttrs {
  /** As in the forward kernel. */
  readonly convention: BilinearAttrs["convention"];
}

function sourceOf(x: Shape): NearestBackwardAttrs["source"] {
  return [x[2], x[3]];
}

/** The resize from the source to the gradient's size, and the spec of the source. */
function backwardOf(
  kernel: string,
  g: Spec,
  { source, convention }: NearestBackwardAttrs & Partial<BilinearBackwardAttrs>,
): { readonly x: Spec; readonly geometry: ResizeGeometry } {
  const [batch, channels, height, width] = g.shape;
  if (g.shape.length !== 4) {
    throw new ShapeError(`Cannot ${kernel} ${formatSpec(g)}: f32[B, C, H', W'] wanted`);
  }
  const x = f32(batch, channels, ...source);
  return { x, geometry: resizeGeometry(kernel, x, { height, width }, convention) };
}

/** The `resize_nearest` kernel: `f32[B, C, H, W]` to `f32[B, C, height, width]`. */
export const RESIZE_NEAREST: Kernel<ResizeAttrs> = {
  name: "resize_nearest",
  infer(inputs, attrs) {
    expectDTypes("resize_nearest", inputs, ["f32"]);
    return [resizedSpec(inputs[0], resizeGeometry("resize_nearest", inputs[0], attrs))];
  },
  cost(inputs, attrs) {
    return streamingCost(inputs, this.infer(inputs, attrs), 0);
  },
  reference: ([x], [y], attrs) => nearestReference(x, y, resizeGeometry("resize_nearest", x.spec, attrs)),
  webgpu: ([x], attrs, limits) => nearestWebGpu(resizeGeometry("resize_nearest", x, attrs), limits),
  cpu: ([x], attrs) => nearestCpu(resizeGeometry("resize_nearest", x, attrs)),
  vjp({ inputs: [x], grads: [grad], needs }) {
    if (!grad || !needs[0]) return [null];
    return [apply(RESIZE_NEAREST_BACKWARD, [grad], { source: sourceOf(x.shape) })[0]];
  },
};

/** The `resize_nearest_backward` kernel: gradient `f32[B, C, H', W']` to that of the source. */
export const RESIZE_NEAREST_BACKWARD: Kernel<NearestBackwardAttrs> = {
  name: "resize_nearest_backward",
  infer(inputs, attrs) {
    expectDTypes("resize_nearest_backward", inputs, ["f32"]);
    return [backwardOf("resize_nearest_backward", inputs[0], attrs).x];
  },
  cost(inputs, attrs) {
    return streamingCost(inputs, this.infer(inputs, attrs), sizeOf(inputs[0].shape));
  },
  reference: ([g], [dx], attrs) =>
    nearestBackwardReference(g, dx, backwardOf("resize_nearest_backward", g.spec, attrs).geometry),
  webgpu: ([g], attrs, limits) =>
    nearestBackwardWebGpu(backwardOf("resize_nearest_backward", g, attrs).geometry, limits),
  cpu: ([g], attrs) => nearestBackwardCpu(backwardOf("resize_nearest_backward", g, attrs).geometry),
};

/** The `resize_bilinear` kernel: `f32[B, C, H, W]` to `f32[B, C, height, width]`. */
export const RESIZE_BILINEAR: Kernel<BilinearAttrs> = {
  name: "resize_bilinear",
  infer(inputs, attrs) {
    expectDTypes("resize_bilinear", inputs, ["f32"]);
    return [resizedSpec(inputs[0], bilinearGeometry(inputs[0], attrs))];
  },
  // Three blends, each two products and a sum.
  cost(inputs, attrs) {
    const outputs = this.infer(inputs, attrs);
    return streamingCost(inputs, outputs, 9 * sizeOf(outputs[0].shape));
  },
  reference: ([x], [y], attrs) => bilinearReference(x, y, bilinearGeometry(x.spec, attrs)),
  webgpu: ([x], attrs, limits) => bilinearWebGpu(bilinearGeometry(x, attrs), limits),
  cpu: ([x], attrs) => bilinearCpu(bilinearGeometry(x, attrs)),
  vjp({ inputs: [x], grads: [grad], needs, attrs: { convention } }) {
    if (!grad || !needs[0]) return [null];
    return [apply(RESIZE_BILINEAR_BACKWARD, [grad], { source: sourceOf(x.shape), convention })[0]];
  },
};

function bilinearGeometry(x: Spec, attrs: BilinearAttrs): ResizeGeometry {
  return resizeGeometry("resize_bilinear", x, attrs, attrs.convention);
}

/** The `resize_bilinear_backward` kernel: gradient `f32[B, C, H', W']` to that of the source. */
export const RESIZE_BILINEAR_BACKWARD: Kernel<BilinearBackwardAttrs> = {
  name: "resize_bilinear_backward",
  infer(inputs, attrs) {
    expectDTypes("resize_bilinear_backward", inputs, ["f32"]);
    return [backwardOf("resize_bilinear_backward", inputs[0], attrs).x];
  },
  // Four weights, and four products and sums.
  cost(inputs, attrs) {
    return streamingCost(inputs, this.infer(inputs, attrs), 12 * sizeOf(inputs[0].shape));
  },
  reference: ([g], [dx], attrs) =>
    bilinearBackwardReference(g, dx, backwardOf("resize_bilinear_backward", g.spec, attrs).geometry),
  webgpu: ([g], attrs, limits) =>
    bilinearBackwardWebGpu(backwardOf("resize_bilinear_backward", g, attrs).geometry, limits),
  cpu: ([g], attrs) => bilinearBackwardCpu(backwardOf("resize_bilinear_backward", g, attrs).geometry),
};
