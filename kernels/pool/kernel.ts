import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { avgPoolCpu, maxPoolCpu } from "./cpu.ts";
import { avgPoolBackwardCpu, maxPoolBackwardCpu } from "./cpu_backward.ts";
import { pooledSpec, poolGeometry, type PoolPair, type PoolWindow } from "./geometry.ts";
import {
  avgPoolBackwardReference,
  avgPoolReference,
  maxPoolBackwardReference,
  maxPoolReference,
} from "./reference.ts";
import { avgPoolBackwardWebGpu, avgPoolWebGpu, maxPoolBackwardWebGpu, maxPoolWebGpu } from "./webgpu.ts";

/** Attributes of average pooling. */
export interface AvgPoolAttrs extends PoolWindow {
  /** Whether a window's sum is divided by its full size; else by the number of its elements in the image. */
  readonly countPadding: boolean;
}

/** Attributes of the backward kernel of average pooling. */
export interface AvgPoolBackwardAttrs extends AvgPoolAttrs {
  /** Rows and columns of the image. */
  readonly size: PoolPair;
}

function checkPooled(name: string, g: Spec, x: Spec, window: PoolWindow): void {
  const wanted = pooledSpec(x, poolGeometry(name, x, window));
  if (sameShape(g.shape, wanted.shape)) return;
  throw new ShapeError(
    `Cannot ${name} ${formatSpec(x)} with gradient ${formatSpec(g)}: ${formatSpec(wanted)} wanted`,
  );
}

function windowElements({ kernel: [rows, columns] }: PoolWindow): number {
  return rows * columns;
}

/** The `max_pool2d` kernel: `f32[B, C, H, W]` to the largest of every window, `f32[B, C, H', W']`. */
export const MAX_POOL2D: Kernel<PoolWindow> = {
  name: "max_pool2d",
  infer(inputs, window) {
    expectDTypes("max_pool2d", inputs, ["f32"]);
    return [pooledSpec(inputs[0], poolGeometry("max_pool2d", inputs[0], window))];
  },
  // A comparison counts as an operation.
  cost(inputs, window) {
    const outputs = this.infer(inputs, window);
    return streamingCost(inputs, outputs, (windowElements(window) - 1) * sizeOf(outputs[0].shape));
  },
  reference: ([x], [y], window) => maxPoolReference(x, y, poolGeometry("max_pool2d", x.spec, window)),
  webgpu: ([x], window, limits) => maxPoolWebGpu(poolGeometry("max_pool2d", x, window), limits),
  cpu: ([x], window) => maxPoolCpu(poolGeometry("max_pool2d", x, window)),
  vjp({ inputs: [x], grads: [grad], needs, attrs }) {
    return [grad && needs[0] ? apply(MAX_POOL2D_BACKWARD, [grad, x], attrs)[0] : null];
  },
};

/** The `max_pool2d_backward` kernel: gradient `f32[B, C, H', W']` and input to the gradient of the input. */
export const MAX_POOL2D_BACKWARD: Kernel<PoolWindow> = {
  name: "max_pool2d_backward",
  infer(inputs, window) {
    expectDTypes("max_pool2d_backward", inputs, ["f32", "f32"]);
    checkPooled("max_pool2d_backward", inputs[0], inputs[1], window);
    return [inputs[1]];
  },
  // The comparisons again, and one addition a window.
  cost: (inputs, window) =>
    streamingCost(inputs, [inputs[1]], windowElements(window) * sizeOf(inputs[0].shape)),
  reference: ([g, x], [dx], window) =>
    maxPoolBackwardReference(g, x, dx, poolGeometry("max_pool2d_backward", x.spec, window)),
  webgpu: ([, x], window, limits) =>
    maxPoolBackwardWebGpu(poolGeometry("max_pool2d_backward", x, window), limits),
  cpu: ([, x], window) => maxPoolBackwardCpu(poolGeometry("max_pool2d_backward", x, window)),
};

/** The `avg_pool2d` kernel: `f32[B, C, H, W]` to the mean of every window, `f32[B, C, H', W']`. */
export const AVG_POOL2D: Kernel<AvgPoolAttrs> = {
  name: "avg_pool2d",
  infer(inputs, attrs) {
    expectDTypes("avg_pool2d", inputs, ["f32"]);
    return [pooledSpec(inputs[0], poolGeometry("avg_pool2d", inputs[0], attrs))];
  },
  // Additions, and one division.
  cost(inputs, attrs) {
    const outputs = this.infer(inputs, attrs);
    return streamingCost(inputs, outputs, windowElements(attrs) * sizeOf(outputs[0].shape));
  },
  reference: ([x], [y], attrs) =>
    avgPoolReference(x, y, poolGeometry("avg_pool2d", x.spec, attrs), attrs.countPadding),
  webgpu: ([x], attrs, limits) =>
    avgPoolWebGpu(poolGeometry("avg_pool2d", x, attrs), attrs.countPadding, limits),
  cpu: ([x], attrs) => avgPoolCpu(poolGeometry("avg_pool2d", x, attrs), attrs.countPadding),
  vjp({ inputs: [x], grads: [grad], needs, attrs }) {
    if (!grad || !needs[0]) return [null];
    const [, , rows, columns] = x.shape;
    return [apply(AVG_POOL2D_BACKWARD, [grad], { ...attrs, size: [rows, columns] as const })[0]];
  },
};

/** The input that a gradient `f32[B, C, H', W']` belongs to. */
function imageOf(g: Spec, { size }: AvgPoolBackwardAttrs): Spec {
  if (g.shape.length !== 4) {
    throw new ShapeError(`Cannot avg_pool2d_backward ${formatSpec(g)}: f32[B, C, H', W'] wanted`);
  }
  return f32(g.shape[0], g.shape[1], ...size);
}

/** The `avg_pool2d_backward` kernel: gradient `f32[B, C, H', W']` to the gradient of the input `f32[B, C, H, W]`. */
export const AVG_POOL2D_BACKWARD: Kernel<AvgPoolBackwardAttrs> = {
  name: "avg_pool2d_backward",
  infer(inputs, attrs) {
    expectDTypes("avg_pool2d_backward", inputs, ["f32"]);
    const image = imageOf(inputs[0], attrs);
    checkPooled("avg_pool2d_backward", inputs[0], image, attrs);
    return [image];
  },
  // One division and an addition an element of the window.
  cost: (inputs, attrs) =>
    streamingCost(
      inputs,
      [imageOf(inputs[0], attrs)],
      (windowElements(attrs) + 1) * sizeOf(inputs[0].shape),
    ),
  reference: ([g], [dx], attrs) =>
    avgPoolBackwardReference(g, dx, poolGeometry("avg_pool2d_backward", dx.spec, attrs), attrs.countPadding),
  webgpu: ([g], attrs, limits) =>
    avgPoolBackwardWebGpu(
      poolGeometry("avg_pool2d_backward", imageOf(g, attrs), attrs),
      attrs.countPadding,
      limits,
    ),
  cpu: ([g], attrs) =>
    avgPoolBackwardCpu(poolGeometry("avg_pool2d_backward", imageOf(g, attrs), attrs), attrs.countPadding),
};
