import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import {
  type Expr,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { eachCoordinate, transposeCpu } from "./cpu_transpose.ts";
import { directionsOf, type Loop, loopsOf } from "./layout.ts";

/** Elements of a work item, at most, unless one row of the output is longer. */
const BLOCK = 4096;

/** Shortest direction that is worth transposing in blocks. */
const FEWEST = 8;

/** Rows up to which moving vectors beats a bulk copy, which costs a call. */
const SHORT = 64;

/** Blocks where both the read and the write direction are long; otherwise the order of the output. */
export function permuteCpu(shape: Shape, order: readonly number[]): CpuPlan {
  const loops = loopsOf(shape, order);
  const { a, b, others, crossed } = directionsOf(loops);
  return crossed >= FEWEST ? transposeCpu(a, b, others) : copyCpu(shape, loops);
}

/** Copies in the order of the output: outer loops give the work items, inner ones run inside. */
function copyCpu(shape: Shape, loops: readonly Loop[]): CpuPlan {
  let inner = loops.length - 1;
  while (inner > 0 && loops[inner - 1].to * loops[inner - 1].size <= BLOCK) inner--;
  const block = sizeOf(loops.slice(inner).map(({ size }) => size));
  return {
    calls: [{
      key: `permute ${inner} ${loops.map(({ size, from }) => `${size}:${from}`).join()}`,
      build: () => kernelModule((f) => permuteItems(f, loops.slice(0, inner), loops.slice(inner))),
      bindings: [0, 1],
      range: sizeOf(shape) / block,
      grain: Math.max(1, Math.floor(BLOCK / block)),
    }],
  };
}

function permuteItems(f: KernelBuilder, outer: readonly Loop[], inner: readonly Loop[]): void {
  const [x, y] = f.pointers(2);
  const block = inner.reduce((product, { size }) => product * size, 1);
  f.forRange(f.begin, f.end, 1, (item) => {
    const from = f.localI32("from", x);
    eachCoordinate(f, item, outer, (coordinate, { from: stride }) => {
      from.set(i32.add(from, i32.mul(coordinate, 4 * stride)));
    });
    const to = f.localI32("to", i32.add(y, i32.mul(item, 4 * block)));
    copyLoops(f, inner, from, to);
  });
}

/** A nest of loops over moving pointers. */
function copyLoops(f: FunctionBuilder, loops: readonly Loop[], from: Local<"i32">, to: Local<"i32">): void {
  const [{ size, from: fromStride, to: toStride }, ...deeper] = loops;
  if (deeper.length === 0) return copyRow(f, to, from, size, fromStride);
  const source = f.localI32("source", from);
  const target = f.localI32("target", to);
  f.forRange(0, size, 1, () => {
    copyLoops(f, deeper, source, target);
    source.set(i32.add(source, 4 * fromStride));
    target.set(i32.add(target, 4 * toStride));
  });
}

/** Writes one contiguous row from elements that are `stride` apart. */
function copyRow(
  f: FunctionBuilder,
  to: Local<"i32">,
  from: Local<"i32">,
  size: number,
  stride: number,
): void {
  if (stride === 1 && size > SHORT) return f.copy(to, from, 4 * size);
  if (stride === 1) {
    return f.forVectors(size, (at, offset, lanes) => {
      storePartial(f, i32.add(to, at), v128.load(i32.add(from, at), offset), lanes, offset);
    });
  }
  const source = f.localI32("column", from);
  f.forVectors(size, (at, offset, lanes) => {
    const gathered = f.localV128("gathered", gather(source, lanes, stride));
    storePartial(f, i32.add(to, at), gathered, lanes, offset);
    source.set(i32.add(source, 16 * stride));
  });
}

function gather(from: Expr<"i32">, lanes: number, stride: number): Expr<"v128"> {
  let vector = v128.load32_zero(from);
  for (let lane = 1; lane < lanes; lane++) vector = v128.load32_lane(from, vector, lane, 4 * stride * lane);
  return vector;
}
