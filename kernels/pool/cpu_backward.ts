import {
  type Expr,
  f32,
  f32x4,
  i32,
  keepLanes,
  type KernelBuilder,
  kernelModule,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { divisorCode } from "./cpu.ts";
import { eachColumn, grainOf, rowScratch, spanOf } from "./cpu_row.ts";
import type { PoolGeometry } from "./geometry.ts";

type Addresses<K extends string> = Readonly<Record<K, Expr<"i32">>>;

/** A work item is a plane: every window adds its gradient to that of its first largest element. */
export function maxPoolBackwardCpu(geometry: PoolGeometry): CpuPlan {
  const { planes, size, out } = geometry;
  return {
    calls: [{
      key: `max_pool backward ${JSON.stringify({ ...geometry, planes: 0 })}`,
      build: () =>
        kernelModule((f) => {
          const [g, x, dx] = f.pointers(3);
          f.forRange(f.begin, f.end, 1, (plane) => {
            const bytes = 4 * size[0] * size[1];
            const image = f.localI32("image", i32.add(x, i32.mul(plane, bytes)));
            const target = f.localI32("target", i32.add(dx, i32.mul(plane, bytes)));
            const grad = f.localI32("grad", i32.add(g, i32.mul(plane, 4 * out[0] * out[1])));
            f.fill(target, 0, bytes);
            scatterPlane(f, geometry, { image, target, grad });
          });
        }),
      bindings: [0, 1, 2],
      range: planes,
      grain: grainOf(size[0] * size[1]),
    }],
  };
}

function scatterPlane(
  f: KernelBuilder,
  geometry: PoolGeometry,
  { image, target, grad }: Addresses<"image" | "target" | "grad">,
): void {
  const { size: [, width], out } = geometry;
  const next = f.localI32("next", grad);
  const best = f.localF32("best");
  const position = f.localI32("position");
  f.forCount(out[0], (o) => {
    const rows = spanOf(f, geometry, 0, o);
    f.forCount(out[1], (p) => {
      const columns = spanOf(f, geometry, 1, p);
      const corner = i32.add(i32.mul(rows.first, width), columns.first);
      position.set(i32.shl(corner, 2));
      best.set(f32.load(i32.add(image, position)));
      f.forRange(rows.first, rows.end, 1, (row) => {
        const start = f.localI32("start", i32.mul(row, 4 * width));
        f.forRange(columns.first, columns.end, 1, (column) => {
          const at = f.localI32("at", i32.add(start, i32.shl(column, 2)));
          const value = f.localF32("value", f32.load(i32.add(image, at)));
          f.if(f32.gt(value, best), () => {
            best.set(value);
            position.set(at);
          });
        });
      });
      const address = f.localI32("address", i32.add(target, position));
      f.storeF32(address, f32.add(f32.load(address), f32.load(next)));
      next.set(i32.add(next, 4));
    });
  });
}

/**
 * A work item is a plane. Windows are separable: a row of windows adds its gradients, divided, to one padded row of
 * scratch, and that is added to each row of the image that the windows have.
 */
export function avgPoolBackwardCpu(geometry: PoolGeometry, countPadding: boolean): CpuPlan {
  const { planes, size } = geometry;
  return {
    calls: [{
      key: `avg_pool backward ${countPadding} ${JSON.stringify({ ...geometry, planes: 0 })}`,
      build: () => kernelModule((f) => writeAvgBackward(f, geometry, countPadding)),
      bindings: [0, 1, 2],
      range: planes,
      grain: grainOf(size[0] * size[1]),
    }],
    scratch: [{ spec: rowScratch(geometry), perLane: true }],
  };
}

function writeAvgBackward(f: KernelBuilder, geometry: PoolGeometry, countPadding: boolean): void {
  const { size: [height, width], out, padding } = geometry;
  const [g, dx, scratch] = f.pointers(3);
  const elements = rowScratch(geometry).shape[0];
  const padded = f.localI32("padded", i32.add(scratch, i32.mul(f.lane, 4 * elements)));
  const inner = f.localI32("inner", i32.add(padded, 4 * padding[1]));
  const divisor = divisorCode(f, geometry, countPadding);
  f.forRange(f.begin, f.end, 1, (plane) => {
    const target = f.localI32("target", i32.add(dx, i32.mul(plane, 4 * height * width)));
    const grad = f.localI32("grad", i32.add(g, i32.mul(plane, 4 * out[0] * out[1])));
    f.fill(target, 0, 4 * height * width);
    f.forCount(out[0], (o) => {
      const { first, end } = spanOf(f, geometry, 0, o);
      const rows = f.localI32("rows", i32.sub(end, first));
      f.fill(padded, 0, 4 * elements);
      spreadRow(f, geometry, { grad, padded }, (at, offset) => divisor(rows, at, offset));
      f.forRange(first, end, 1, (row) => {
        addRow(f, f.localI32("to", i32.add(target, i32.mul(row, 4 * width))), inner, width);
      });
      grad.set(i32.add(grad, 4 * out[1]));
    });
  });
}

function spreadRow(
  f: KernelBuilder,
  geometry: PoolGeometry,
  { grad, padded }: Addresses<"grad" | "padded">,
  divisor: (at: Expr<"i32">, offset: number) => Expr<"v128">,
): void {
  const { out, stride: [, stride] } = geometry;
  f.forVectors(out[1], (at, offset, lanes) => {
    const shares = f32x4.div(v128.load(i32.add(grad, at), offset), divisor(at, offset));
    const share = f.localV128("share", keepLanes(f, shares, lanes, 0));
    const base = f.localI32("base", i32.add(padded, i32.mul(at, stride)));
    eachColumn(f, geometry, (byte, column) => {
      const to = f.localI32("to", i32.add(base, byte));
      if (stride === 1) {
        f.storeV128(to, f32x4.add(v128.load(to, offset + column), share), offset + column);
        return;
      }
      for (let lane = 0; lane < lanes; lane++) {
        const byteOffset = (offset + 4 * lane) * stride + column;
        f.storeF32(to, f32.add(f32.load(to, byteOffset), f32x4.extract_lane(share, lane)), byteOffset);
      }
    });
  });
}

function addRow(f: KernelBuilder, to: Expr<"i32">, from: Expr<"i32">, width: number): void {
  f.forVectors(width, (at, offset, lanes) => {
    const sum = f32x4.add(v128.load(i32.add(to, at), offset), v128.load(i32.add(from, at), offset));
    storePartial(f, i32.add(to, at), sum, lanes, offset);
  });
}
