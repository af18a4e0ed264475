import type { HostArray } from "../../engine/core/dtype.ts";
import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, i32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase, KernelSuite } from "../../engine/kernel.ts";
import { EMBEDDING, EMBEDDING_BACKWARD, type EmbeddingBackwardAttrs } from "./kernel.ts";

interface Size {
  readonly name: string;
  readonly rows: number;
  readonly width: number;
  readonly count: number;
  readonly forwardOnly?: boolean;
}

const SIZES: readonly Size[] = [
  { name: "one element", rows: 1, width: 1, count: 1 },
  { name: "prime sizes", rows: 11, width: 37, count: 13 },
  { name: "many rows of one class", rows: 3, width: 16, count: 301 },
  { name: "classes and the null class", rows: 1001, width: 20, count: 64 },
  { name: "wide rows", rows: 5, width: 1030, count: 7 },
  { name: "more than 65,535 workgroups", rows: 7, width: 1024, count: 4100, forwardOnly: true },
];

/** Normal numbers, and row numbers that are drawn, some of them outside the table. */
function valuesFor(rows: number) {
  return ([matrix, indices]: readonly Spec[]): readonly HostArray[] => {
    const count = sizeOf(indices.shape);
    const drawn = new Philox(7, 2).integers(count, rows);
    return [
      new Philox(7, 1).normals(sizeOf(matrix.shape)),
      Int32Array.from(drawn, (index, n) => n % 29 === 5 ? -3 : n % 29 === 11 ? rows + 2 : index),
    ];
  };
}

const embedding: KernelSuite = {
  kernel: EMBEDDING,
  cases: SIZES.map(({ name, rows, width, count, forwardOnly }) => ({
    name,
    inputs: [f32(rows, width), i32(count)],
    attrs: {},
    values: valuesFor(rows),
    forwardOnly,
  })),
};

const backward: KernelSuite<EmbeddingBackwardAttrs> = {
  kernel: EMBEDDING_BACKWARD,
  cases: [
    ...SIZES.filter(({ forwardOnly }) => !forwardOnly),
    { name: "more than 65,535 workgroups", rows: 4100, width: 1024, count: 3 },
  ].map(({ name, rows, width, count }): KernelCase<EmbeddingBackwardAttrs> => ({
    name,
    inputs: [f32(count, width), i32(count)],
    attrs: { rows },
    values: valuesFor(rows),
  })),
};

/** Sizes of `embedding` and its backward kernel. */
export const suites: readonly AnySuite[] = [embedding, backward];
