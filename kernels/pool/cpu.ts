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
import { eachColumn, grainOf, rowScratch, spanOf, strided } from "./cpu_row.ts";
import { type PoolGeometry, windowSpan } from "./geometry.ts";

type Vector = Expr<"v128">;

/** How a window's elements become one. */
interface Reduction {
  /** What padding holds. */
  readonly neutral: number;
  readonly combine: (a: Vector, b: Vector) => Vector;
  /** The result, at byte `at + offset` of the row of windows; the window has `rows` rows in the image. */
  readonly finish: (value: Vector, rows: Expr<"i32">, at: Expr<"i32">, offset: number) => Vector;
}

/** The largest element of every window. */
export function maxPoolCpu(geometry: PoolGeometry): CpuPlan {
  return poolCpu(geometry, "max", () => ({
    neutral: -Infinity,
    combine: f32x4.pmax,
    finish: (value) => value,
  }));
}

/** The mean of every window. */
export function avgPoolCpu(geometry: PoolGeometry, countPadding: boolean): CpuPlan {
  return poolCpu(geometry, `avg ${countPadding}`, (f) => {
    const divisor = divisorCode(f, geometry, countPadding);
    return {
      neutral: 0,
      combine: f32x4.add,
      finish: (value, rows, at, offset) => f32x4.div(value, divisor(rows, at, offset)),
    };
  });
}

/** What the sums of four neighbouring windows are divided by. */
export function divisorCode(
  f: KernelBuilder,
  geometry: PoolGeometry,
  countPadding: boolean,
): (rows: Expr<"i32">, at: Expr<"i32">, offset: number) => Vector {
  const { out, kernel } = geometry;
  if (countPadding) return () => f.f32x4(kernel[0] * kernel[1]);
  const counts = new Float32Array(4 * Math.ceil(out[1] / 4)).fill(1);
  for (let o = 0; o < out[1]; o++) {
    const [first, end] = windowSpan(geometry, 1, o);
    counts[o] = end - first;
  }
  const table = f.data(counts);
  return (rows, at, offset) =>
    f32x4.mul(v128.load(i32.add(table, at), offset), f32x4.splat(f32.convert_i32_s(rows)));
}

/**
 * A work item is a row of windows. Windows are separable: first the rows of the image are combined into one padded row
 * of scratch, then the columns of that.
 */
function poolCpu(
  geometry: PoolGeometry,
  key: string,
  reduction: (f: KernelBuilder) => Reduction,
): CpuPlan {
  const { planes, out, size, kernel } = geometry;
  return {
    calls: [{
      key: `pool ${key} ${JSON.stringify({ ...geometry, planes: 0 })}`,
      build: () => kernelModule((f) => writePool(f, geometry, reduction(f))),
      bindings: [0, 1, 2],
      range: planes * out[0],
      grain: grainOf(Math.min(kernel[0], size[0]) * size[1]),
    }],
    scratch: [{ spec: rowScratch(geometry), perLane: true }],
  };
}

function writePool(f: KernelBuilder, geometry: PoolGeometry, reduction: Reduction): void {
  const { size: [height, width], out, padding } = geometry;
  const [x, y, scratch] = f.pointers(3);
  const elements = rowScratch(geometry).shape[0];
  const padded = f.localI32("padded", i32.add(scratch, i32.mul(f.lane, 4 * elements)));
  f.forVectors(elements, (at, offset) => {
    f.storeV128(i32.add(padded, at), f.f32x4(reduction.neutral), offset);
  });
  const inner = f.localI32("inner", i32.add(padded, 4 * padding[1]));
  f.forRange(f.begin, f.end, 1, (item) => {
    const plane = f.localI32("plane", i32.div_u(item, out[0]));
    const { first, end } = spanOf(f, geometry, 0, i32.sub(item, i32.mul(plane, out[0])));
    const row = f.localI32("row", i32.add(i32.mul(plane, height), first));
    const source = f.localI32("source", i32.add(x, i32.mul(row, 4 * width)));
    const rows = f.localI32("rows", i32.sub(end, first));
    combineRows(f, { source, inner, rows }, width, reduction);
    const target = f.localI32("target", i32.add(y, i32.mul(item, 4 * out[1])));
    combineColumns(f, { padded, target, rows }, geometry, reduction);
  });
}

function combineRows(
  f: KernelBuilder,
  { source, inner, rows }: Readonly<Record<"source" | "inner" | "rows", Expr<"i32">>>,
  width: number,
  { combine }: Reduction,
): void {
  const copy = (from: Expr<"i32">, value: (loaded: Vector, at: Expr<"i32">, offset: number) => Vector) =>
    f.forVectors(width, (at, offset, lanes) => {
      const loaded = v128.load(i32.add(from, at), offset);
      storePartial(f, i32.add(inner, at), value(loaded, at, offset), lanes, offset);
    });
  copy(source, (loaded) => loaded);
  f.forRange(1, rows, 1, (row) => {
    const from = f.localI32("from", i32.add(source, i32.mul(row, 4 * width)));
    copy(from, (loaded, at, offset) => combine(v128.load(i32.add(inner, at), offset), loaded));
  });
}

function combineColumns(
  f: KernelBuilder,
  { padded, target, rows }: Readonly<Record<"padded" | "target" | "rows", Expr<"i32">>>,
  geometry: PoolGeometry,
  { neutral, combine, finish }: Reduction,
): void {
  const { out, stride } = geometry;
  f.forVectors(out[1], (at, offset, lanes) => {
    const from = f.localI32("from", i32.add(padded, i32.mul(at, stride[1])));
    const value = f.localV128("value", f.f32x4(neutral));
    eachColumn(f, geometry, (byte, column) => {
      const loaded = strided(f, i32.add(from, byte), offset * stride[1] + column, stride[1]);
      value.set(combine(value, loaded));
    });
    storePartial(f, i32.add(target, at), finish(value, rows, at, offset), lanes, offset);
  });
}
