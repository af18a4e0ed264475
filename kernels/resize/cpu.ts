import { f32 as f32Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  i32,
  i32x4,
  type KernelBuilder,
  kernelModule,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { type Axis, nearestOf, positionOf, type ResizeGeometry } from "./geometry.ts";

/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;
/** Bytes of a record of a table. */
const RECORD = 16;

type Addresses<K extends string> = Readonly<Record<K, Expr<"i32">>>;

/** Work items worth handing to another worker, each of `elements` elements. */
export function grainOf(elements: number): number {
  return Math.ceil(WORTHWHILE / Math.min(elements, WORTHWHILE));
}

/** What tells the code of two calls apart. */
export function keyOf(name: string, { rows, columns }: ResizeGeometry): string {
  return `${name} ${JSON.stringify([rows, columns])}`;
}

/** A work item is a row of the source: all rows of the result that are copies of it. */
export function nearestCpu(geometry: ResizeGeometry): CpuPlan {
  const { planes, rows, columns } = geometry;
  return {
    calls: [{
      key: keyOf("resize nearest", geometry),
      build: () => kernelModule((f) => writeNearest(f, geometry)),
      bindings: [0, 1],
      range: planes * rows.from,
      grain: grainOf(Math.ceil(rows.to * columns.to / rows.from)),
    }],
  };
}

function writeNearest(f: KernelBuilder, { rows, columns }: ResizeGeometry): void {
  const [x, y] = f.pointers(2);
  const bytes = 4 * columns.to;
  const copyRow = rowCopier(f, columns);
  const firstCopy = (row: Expr<"i32">) => i32.div_u(i32.add(i32.mul(row, rows.to), rows.from - 1), rows.from);
  f.forRange(f.begin, f.end, 1, (item) => {
    const plane = f.localI32("plane", i32.div_u(item, rows.from));
    const row = f.localI32("row", i32.sub(item, i32.mul(plane, rows.from)));
    const first = f.localI32("first", firstCopy(row));
    const end = f.localI32("end", firstCopy(i32.add(row, 1)));
    f.if(i32.lt_u(first, end), () => {
      const source = f.localI32("source", i32.add(x, i32.mul(item, 4 * columns.from)));
      const target = f.localI32("target", i32.add(i32.mul(plane, rows.to), first));
      target.set(i32.add(y, i32.mul(target, bytes)));
      copyRow({ source, target });
      const next = f.localI32("next", target);
      f.forRange(i32.add(first, 1), end, 1, () => {
        next.set(i32.add(next, bytes));
        f.copy(next, target, bytes);
      });
    });
  });
}

/** Code that makes a row of the result from one of the source. */
function rowCopier(
  f: KernelBuilder,
  columns: Axis,
): (addresses: Addresses<"source" | "target">) => void {
  const { from, to } = columns;
  if (to === 2 * from) return (addresses) => doubleRow(f, from, addresses);
  const table = f.data(Int32Array.from({ length: to }, (_, column) => 4 * nearestOf(columns, column)));
  return ({ source, target }) =>
    f.forRange(0, 4 * to, 4, (at) => {
      const value = f32.load(i32.add(source, i32.load(i32.add(table, at))));
      f.storeF32(i32.add(target, at), value);
    });
}

function doubleRow(f: KernelBuilder, from: number, { source, target }: Addresses<"source" | "target">): void {
  f.forVectors(from, (at, offset, lanes) => {
    const v = f.localV128("v", v128.load(i32.add(source, at), offset));
    const to = f.localI32("to", i32.add(target, i32.shl(at, 1)));
    const pairs = [[0, 0, 1, 1], [2, 2, 3, 3]].map((picks) => i32x4.shuffle(v, v, picks));
    storePartial(f, to, pairs[0], Math.min(4, 2 * lanes), 2 * offset);
    if (lanes > 2) storePartial(f, to, pairs[1], 2 * lanes - 4, 2 * offset + 16);
  });
}

/** Neighbours and weights of every element: offsets of both in bytes, and the upper one's weight. */
function positionTable(axis: Axis, bytes: number): Uint8Array<ArrayBuffer> {
  const table = new DataView(new ArrayBuffer(RECORD * axis.to));
  for (let i = 0; i < axis.to; i++) {
    const { low, high, weight } = positionOf(axis, i);
    table.setInt32(RECORD * i, bytes * low, true);
    table.setInt32(RECORD * i + 4, bytes * high, true);
    table.setFloat32(RECORD * i + 8, weight, true);
    table.setFloat32(RECORD * i + 12, 1 - weight, true);
  }
  return new Uint8Array(table.buffer);
}

/** A work item is a row of the result: two rows of the source are blended into scratch, then the columns of that. */
export function bilinearCpu(geometry: ResizeGeometry): CpuPlan {
  const { planes, rows, columns } = geometry;
  return {
    calls: [{
      key: keyOf("resize bilinear", geometry),
      build: () => kernelModule((f) => writeBilinear(f, geometry)),
      bindings: [0, 1, 2],
      range: planes * rows.to,
      grain: grainOf(columns.from + columns.to),
    }],
    scratch: [{ spec: f32Spec(columns.from), perLane: true }],
  };
}

function writeBilinear(f: KernelBuilder, { rows, columns }: ResizeGeometry): void {
  const [x, y, scratch] = f.pointers(3);
  const rowTable = f.data(positionTable(rows, 4 * columns.from));
  const columnTable = f.data(positionTable(columns, 4));
  const blended = f.localI32("blended", i32.add(scratch, i32.mul(f.lane, 4 * columns.from)));
  f.forRange(f.begin, f.end, 1, (item) => {
    const plane = f.localI32("plane", i32.div_u(item, rows.to));
    const row = i32.sub(item, i32.mul(plane, rows.to));
    const record = f.localI32("record", i32.add(rowTable, i32.mul(row, RECORD)));
    const image = f.localI32("image", i32.add(x, i32.mul(plane, 4 * rows.from * columns.from)));
    const [low, high] = [0, 4].map((at) => f.localI32("row", i32.add(image, i32.load(record, at))));
    const [ofHigh, ofLow] = [8, 12].map((at) => f.localV128("weight", v128.load32_splat(record, at)));
    f.forVectors(columns.from, (at, offset, lanes) => {
      const lower = f32x4.mul(v128.load(i32.add(low, at), offset), ofLow);
      const upper = f32x4.mul(v128.load(i32.add(high, at), offset), ofHigh);
      storePartial(f, i32.add(blended, at), f32x4.add(lower, upper), lanes, offset);
    });
    const target = f.localI32("target", i32.add(y, i32.mul(item, 4 * columns.to)));
    blendColumns(f, columns.to, { blended, target, columnTable });
  });
}

function blendColumns(
  f: KernelBuilder,
  count: number,
  { blended, target, columnTable }: Addresses<"blended" | "target" | "columnTable">,
): void {
  const record = f.localI32("record", columnTable);
  f.forRange(0, 4 * count, 4, (at) => {
    const [low, high] = [0, 4].map((offset) => f32.load(i32.add(blended, i32.load(record, offset))));
    const value = f32.add(f32.mul(low, f32.load(record, 12)), f32.mul(high, f32.load(record, 8)));
    f.storeF32(i32.add(target, at), value);
    record.set(i32.add(record, RECORD));
  });
}
