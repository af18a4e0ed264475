/**
 * Kernels of three lines each, for tests of the backend alone.
 *
 * @module
 */
import { f32, type Spec } from "../../../../engine/core/spec.ts";
import {
  type AnyKernel,
  gridOf,
  type Kernel,
  type Limits,
  type WebGpuPlan,
} from "../../../../engine/kernel.ts";
import type { BackendBuffer, Bound, Call } from "../../../../engine/device/backend.ts";
import type { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import { LINEAR_WORKGROUP, wgslHeader } from "../../../../engine/device/webgpu/wgsl.ts";

/** Makes a kernel that only has a WebGPU side; all its outputs are like input 0. */
export function toyKernel<A = unknown>(
  name: string,
  webgpu: (inputs: readonly Spec[], attrs: A, limits: Limits) => WebGpuPlan,
): Kernel<A> {
  return {
    name,
    infer: (inputs) => [inputs[0]],
    cost: () => ({ flops: 0, bytesRead: 0, bytesWritten: 0 }),
    reference: () => {
      throw new Error("A toy kernel runs on WebGPU only");
    },
    webgpu,
  };
}

/** `z = x + y`, 64 elements a workgroup. */
export const ADD: AnyKernel = toyKernel("toy_add", ([x], _attrs, limits) => ({
  launches: [{
    source: `${wgslHeader({ GROUP: 64, Element: "f32" })}${LINEAR_WORKGROUP}
override SCALE: f32 = 1.0;
@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> y: array<Element>;
@group(0) @binding(2) var<storage, read_write> z: array<Element>;
@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup(id, groups) * GROUP + lane;
  if (i < arrayLength(&z)) { z[i] = SCALE * (x[i] + y[i]); }
}`,
    overrides: { SCALE: 1 },
    bindings: [0, 1, 2],
    groups: gridOf(Math.ceil(x.shape[0] / 64), limits),
  }],
}));

/** `y = scale * x^2` in two launches, with the squares in a scratch buffer. */
export const SCALED_SQUARE: Kernel<{ scale: number }> = toyKernel(
  "toy_scaled_square",
  ([x], { scale }: { scale: number }, limits) => {
    const source = (expression: string) =>
      `override SCALE: f32 = 0.0;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&b)) { b[id.x] = ${expression}; }
}`;
    const groups = gridOf(Math.ceil(x.shape[0] / 64), limits);
    return {
      launches: [
        { source: source("a[id.x] * a[id.x]"), bindings: [0, 2], groups },
        { source: source("SCALE * a[id.x]"), overrides: { SCALE: scale }, bindings: [2, 1], groups },
      ],
      scratch: [x],
    };
  },
);

/** Line 4 of the source calls a function that does not exist. */
export const BROKEN: AnyKernel = toyKernel("toy_broken", () => ({
  launches: [{
    source: `override WIDTH: u32 = 1;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() {
  x[WIDTH] = no_such_function(1.0);
}`,
    overrides: { WIDTH: 3 },
    bindings: [0],
    groups: [1, 1, 1],
  }],
}));

/** A call of `kernel` on `count` inputs of shape `f32[size]` with one output like them. */
export function toyCall(kernel: AnyKernel, count: number, size: number, attrs: unknown = {}): Call {
  const spec = f32(size);
  return { kernel, inputs: Array(count).fill(spec), outputs: [spec], attrs, path: "toys.0" };
}

/** Allocates a buffer and fills it. */
export function filled(backend: WebGpuBackend, values: readonly number[]): BackendBuffer {
  const data = Float32Array.from(values);
  const buffer = backend.allocate(data.byteLength);
  backend.write(buffer, data);
  return buffer;
}

/** Binds a call to inputs, a new output and new scratch buffers. */
export function bindCall(
  backend: WebGpuBackend,
  call: Call,
  inputs: readonly BackendBuffer[],
): { bound: Bound; output: BackendBuffer } {
  const lowered = backend.lower(call);
  const output = backend.allocate(call.outputs[0].shape[0] * 4);
  const scratch = lowered.scratchBytes.map((bytes) => backend.allocate(bytes));
  return { bound: backend.bind(lowered, [...inputs, output, ...scratch]), output };
}
