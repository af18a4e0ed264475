import { ShapeError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Cost, gridOf, type Kernel, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { embeddingBackwardCpu, embeddingCpu } from "./cpu.ts";
import forwardSource from "./embedding.wgsl" with { type: "text" };
import backwardSource from "./embedding_backward.wgsl" with { type: "text" };
import { embeddingBackwardReference, embeddingReference } from "./reference.ts";

/** Attributes of the backward kernel. */
export interface EmbeddingBackwardAttrs {
  /** Rows of the table, V. */
  readonly rows: number;
}

const WORKGROUP = 64;

function checkRanks(name: string, matrix: Spec, indices: Spec): void {
  if (matrix.shape.length === 2 && indices.shape.length === 1) return;
  throw new ShapeError(
    `Cannot ${name} of ${formatSpec(matrix)} and ${formatSpec(indices)}: f32[.., D] and i32[N] are wanted`,
  );
}

/** Bytes of N rows and N indices, and of V rows. */
function costOf(count: number, rows: number, width: number): { some: number; all: number } {
  return { some: 4 * count * (width + 1), all: 4 * rows * width };
}

function forwardCost([table, indices]: readonly Spec[]): Cost {
  const { some } = costOf(indices.shape[0], table.shape[0], table.shape[1]);
  return { flops: 0, bytesRead: some, bytesWritten: 4 * indices.shape[0] * table.shape[1] };
}

function launch(source: string, overrides: Record<string, number>, limits: Limits): WebGpuPlan {
  const groups = gridOf(Math.ceil(overrides.size / WORKGROUP), limits);
  return {
    launches: [{
      source,
      overrides: { workgroup_size: WORKGROUP, ...overrides },
      bindings: [0, 1, 2],
      groups,
    }],
  };
}

/** The `embedding` kernel. */
export const EMBEDDING: Kernel = {
  name: "embedding",
  infer(inputs) {
    expectDTypes("embedding", inputs, ["f32", "i32"]);
    const [table, indices] = inputs;
    checkRanks("take the embedding", table, indices);
    return [f32(indices.shape[0], table.shape[1])];
  },
  cost: forwardCost,
  reference: ([table, indices], [out]) => embeddingReference(table, indices, out),
  webgpu([table, indices], _attrs, limits) {
    const [rows, width] = table.shape;
    return launch(forwardSource, { rows, width, size: indices.shape[0] * width }, limits);
  },
  cpu: ([table, indices]) => embeddingCpu(table, indices),
  vjp({ inputs: [table, indices], grads: [grad], needs }) {
    if (!grad || !needs[0]) return [null, null];
    return [apply(EMBEDDING_BACKWARD, [grad, indices], { rows: table.shape[0] })[0], null];
  },
};

/** Gradient of the table, `f32[V, D]`, from that of the output, `f32[N, D]`, and the indices, `i32[N]`. */
export const EMBEDDING_BACKWARD: Kernel<EmbeddingBackwardAttrs> = {
  name: "embedding_backward",
  infer(inputs, { rows }) {
    expectDTypes("embedding_backward", inputs, ["f32", "i32"]);
    const [grad, indices] = inputs;
    checkRanks("add up the embedding gradient", grad, indices);
    if (grad.shape[0] !== indices.shape[0]) {
      throw new ShapeError(
        `Cannot add up the embedding gradient ${formatSpec(grad)} by ${formatSpec(indices)}: ` +
          `${indices.shape[0]} rows are wanted, got ${grad.shape[0]}`,
      );
    }
    return [f32(rows, grad.shape[1])];
  },
  cost([grad, indices], { rows }) {
    const { some, all } = costOf(indices.shape[0], rows, grad.shape[1]);
    return { flops: sizeOf(grad.shape), bytesRead: some, bytesWritten: all };
  },
  reference: ([grad, indices], [out]) => embeddingBackwardReference(grad, indices, out),
  webgpu([grad, indices], { rows }, limits) {
    const width = grad.shape[1];
    const overrides = { rows, width, count: indices.shape[0], size: rows * width };
    return launch(backwardSource, overrides, limits);
  },
  cpu: ([grad, indices], { rows }) => embeddingBackwardCpu(grad, indices, rows),
};
