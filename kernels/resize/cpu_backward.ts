import { f32 as f32Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  i32,
  type KernelBuilder,
  kernelModule,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { grainOf, keyOf } from "./cpu.ts";
import { type Axis, nearestOf, positionOf, type ResizeGeometry } from "./geometry.ts";

/** Weights of the elements of the result in each element of the source; those of one lie side by side. */
interface Adjoint {
  /** Three numbers an element: its first element of the result, their number, where its weights start. */
  readonly ranges: Int32Array<ArrayBuffer>;
  readonly weights: Float32Array<ArrayBuffer>;
}

/** Bytes of the three numbers. */
const RANGE = 12;

/** Turns weights by element of the result into weights by element of the source. */
function adjointOf(
  { from, to }: Axis,
  weightsOf: (i: number) => readonly (readonly [source: number, weight: number])[],
): Adjoint {
  const found = Array.from({ length: from }, (): { first: number; weights: number[] } => ({
    first: 0,
    weights: [],
  }));
  for (let i = 0; i < to; i++) {
    for (const [source, weight] of weightsOf(i)) {
      const entry = found[source];
      if (entry.weights.length === 0) entry.first = i;
      entry.weights.push(weight);
    }
  }
  let start = 0;
  const ranges = found.flatMap(({ first, weights }) => {
    const range = [first, weights.length, start];
    start += weights.length;
    return range;
  });
  const weights = found.flatMap((entry) => entry.weights);
  return { ranges: Int32Array.from(ranges), weights: Float32Array.from(weights) };
}

function nearestAdjoint(axis: Axis): Adjoint {
  return adjointOf(axis, (i) => [[nearestOf(axis, i), 1]]);
}

function bilinearAdjoint(axis: Axis): Adjoint {
  return adjointOf(axis, (i) => {
    const { low, high, weight } = positionOf(axis, i);
    return low === high ? [[low, 1]] : [[low, 1 - weight], [high, weight]];
  });
}

/** The adjoint of `nearestCpu`. */
export function nearestBackwardCpu(geometry: ResizeGeometry): CpuPlan {
  return adjointCpu("resize nearest backward", geometry, nearestAdjoint);
}

/** The adjoint of `bilinearCpu`. */
export function bilinearBackwardCpu(geometry: ResizeGeometry): CpuPlan {
  return adjointCpu("resize bilinear backward", geometry, bilinearAdjoint);
}

/** A work item is a row of the source: weighted rows of the result are added up in scratch, then its columns. */
function adjointCpu(name: string, geometry: ResizeGeometry, adjoint: (axis: Axis) => Adjoint): CpuPlan {
  const { planes, rows, columns } = geometry;
  return {
    calls: [{
      key: keyOf(name, geometry),
      build: () => kernelModule((f) => writeAdjoint(f, geometry, adjoint(rows), adjoint(columns))),
      bindings: [0, 1, 2],
      range: planes * rows.from,
      grain: grainOf(Math.ceil(rows.to / rows.from) * columns.to),
    }],
    scratch: [{ spec: f32Spec(columns.to), perLane: true }],
  };
}

/** The range of a table's entry, and the address of its weights. */
function rangeAt(f: KernelBuilder, table: Expr<"i32">, weights: Expr<"i32">, index: Expr<"i32">) {
  const record = f.localI32("record", i32.add(table, i32.mul(index, RANGE)));
  return {
    first: f.localI32("first", i32.load(record)),
    count: f.localI32("count", i32.load(record, 4)),
    weight: f.localI32("weight", i32.add(weights, i32.shl(i32.load(record, 8), 2))),
  };
}

function writeAdjoint(
  f: KernelBuilder,
  { rows, columns }: ResizeGeometry,
  ofRows: Adjoint,
  ofColumns: Adjoint,
): void {
  const [g, dx, scratch] = f.pointers(3);
  const [rowRanges, rowWeights] = [f.data(ofRows.ranges), f.data(ofRows.weights)];
  const [columnRanges, columnWeights] = [f.data(ofColumns.ranges), f.data(ofColumns.weights)];
  const summed = f.localI32("summed", i32.add(scratch, i32.mul(f.lane, 4 * columns.to)));
  const total = f.localF32("total");
  f.forRange(f.begin, f.end, 1, (item) => {
    const plane = f.localI32("plane", i32.div_u(item, rows.from));
    const row = i32.sub(item, i32.mul(plane, rows.from));
    const { first, count, weight } = rangeAt(f, rowRanges, rowWeights, row);
    const source = f.localI32("source", i32.add(i32.mul(plane, rows.to), first));
    source.set(i32.add(g, i32.mul(source, 4 * columns.to)));
    f.fill(summed, 0, 4 * columns.to);
    f.forCount(count, () => {
      addWeighted(f, { summed, source, weight }, columns.to);
      weight.set(i32.add(weight, 4));
      source.set(i32.add(source, 4 * columns.to));
    });
    const target = f.localI32("target", i32.add(dx, i32.mul(item, 4 * columns.from)));
    f.forCount(columns.from, (column) => {
      const range = rangeAt(f, columnRanges, columnWeights, column);
      const from = f.localI32("from", i32.add(summed, i32.shl(range.first, 2)));
      total.set(0);
      f.forRange(0, i32.shl(range.count, 2), 4, (at) => {
        const product = f32.mul(f32.load(i32.add(from, at)), f32.load(i32.add(range.weight, at)));
        total.set(f32.add(total, product));
      });
      f.storeF32(i32.add(target, i32.shl(column, 2)), total);
    });
  });
}

function addWeighted(
  f: KernelBuilder,
  { summed, source, weight }: Readonly<Record<"summed" | "source" | "weight", Expr<"i32">>>,
  count: number,
): void {
  const factor = f.localV128("factor", v128.load32_splat(weight));
  f.forVectors(count, (at, offset, lanes) => {
    const to = f.localI32("to", i32.add(summed, at));
    const value = v128.load(i32.add(source, at), offset);
    storePartial(f, to, f32x4.relaxed_madd(value, factor, v128.load(to, offset)), lanes, offset);
  });
}
