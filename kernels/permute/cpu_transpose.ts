import {
  type Expr,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { transpose } from "../matmul/cpu_pack.ts";
import type { Loop } from "./layout.ts";

/** Elements of `a` in a work item: a cache line of the input. */
const TILE = 16;

/** Elements worth handing to another worker. */
const GRAIN = 4096;

/** Visits the coordinates of `item` in a nest of loops, innermost first. */
export function eachCoordinate(
  f: FunctionBuilder,
  item: Expr<"i32">,
  loops: readonly Loop[],
  visit: (coordinate: Expr<"i32">, loop: Loop) => void,
): void {
  const rest = f.localI32("rest", item);
  for (const loop of [...loops].reverse()) {
    visit(i32.rem_u(rest, loop.size), loop);
    rest.set(i32.div_u(rest, loop.size));
  }
}

/** A work item is 16 elements of `a` by all of `b`; blocks of 4 x 4 are transposed in registers. */
export function transposeCpu(a: Loop, b: Loop, others: readonly Loop[]): CpuPlan {
  const tiles = Math.ceil(a.size / TILE);
  return {
    calls: [{
      key: `transpose ${[a, b, ...others].map(({ size, from, to }) => `${size}:${from}:${to}`).join()}`,
      build: () => kernelModule((f) => transposeItems(f, a, b, others)),
      bindings: [0, 1],
      range: others.reduce((product, { size }) => product * size, tiles),
      grain: Math.max(1, Math.floor(GRAIN / (TILE * b.size))),
    }],
  };
}

function transposeItems(f: KernelBuilder, a: Loop, b: Loop, others: readonly Loop[]): void {
  const [x, y] = f.pointers(2);
  const tiles: Loop = { size: Math.ceil(a.size / TILE), from: TILE, to: TILE * a.to };
  const rest = a.size % TILE;
  const source = f.localI32("source");
  const target = f.localI32("target");
  f.forRange(f.begin, f.end, 1, (item) => {
    source.set(x);
    target.set(y);
    eachCoordinate(f, item, [...others, tiles], (coordinate, { from, to }) => {
      source.set(i32.add(source, i32.mul(coordinate, 4 * from)));
      target.set(i32.add(target, i32.mul(coordinate, 4 * to)));
    });
    const strip = (rows: number) => transposeStrip(f, source, target, a, b, rows);
    if (rest === 0) return strip(TILE);
    const last = i32.eq(i32.rem_u(item, tiles.size), tiles.size - 1);
    f.if(last, () => strip(rest), () => strip(TILE));
  });
}

/** Turns `rows` elements of `a` by all of `b`. A load may reach beyond the rows; such lanes are not stored. */
function transposeStrip(
  f: FunctionBuilder,
  source: Local<"i32">,
  target: Local<"i32">,
  a: Loop,
  b: Loop,
  rows: number,
): void {
  const rest = b.size % 4;
  f.forRange(0, b.size - rest, 4, () => {
    for (let row = 0; row < rows; row += 4) {
      const block = [0, 1, 2, 3].map((k) => v128.load(source, 4 * (k * b.from + row)));
      transpose(f, block).slice(0, rows - row).forEach((lanes, r) => {
        f.storeV128(target, lanes, 4 * (row + r) * a.to);
      });
    }
    source.set(i32.add(source, 16 * b.from));
    target.set(i32.add(target, 16));
  });
  for (let k = 0; k < rest; k++) {
    for (let row = 0; row < rows; row++) {
      f.storeI32(target, i32.load(source, 4 * (k * b.from + row)), 4 * (row * a.to + k));
    }
  }
}
