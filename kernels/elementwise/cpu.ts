import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { type Expr, i32, type KernelBuilder, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import { storePartial, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { byteOffsets, VectorExpression } from "../expression/cpu.ts";
import { type Expression, formatExpressions } from "../expression/expression.ts";
import { axesOf, type Axis } from "../expression/layout.ts";
import { type ElementwiseAttrs, outputShape } from "./kernel.ts";

/** Elements of one work item, so that a single long row still spreads over all workers. */
const BLOCK = 4096;
/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;

/** A call's loops: `rows` times `inner`, a row in blocks of `BLOCK`; a work item is one block of one row. */
interface Loops {
  readonly axes: readonly Axis[];
  readonly rows: number;
  readonly size: number;
  readonly blocks: number;
}

/**
 * Four elements at a time along the innermost merged axis. An operand with stride 1 there is a vector load, one with
 * stride 0 is splat once a row, with everything that depends on it alone.
 */
export function elementwiseCpu(
  roots: readonly Expression[],
  inputs: readonly Spec[],
  attrs: ElementwiseAttrs,
): CpuPlan {
  const shape = outputShape(inputs, attrs);
  const axes = axesOf(shape, [...inputs.map((spec) => spec.shape), shape]);
  const { size } = axes[axes.length - 1];
  const loops: Loops = { axes, size, rows: sizeOf(shape) / size, blocks: Math.ceil(size / BLOCK) };
  return {
    calls: [{
      key: `elementwise ${formatExpressions(roots)} ${JSON.stringify(axes)}`,
      build: () => kernelModule((f) => writeItems(f, roots, loops, inputs.length)),
      bindings: [...inputs, ...roots].map((_, slot) => slot),
      range: loops.rows * loops.blocks,
      grain: Math.ceil(WORTHWHILE / Math.min(size, BLOCK)),
    }],
  };
}

function writeItems(f: KernelBuilder, roots: readonly Expression[], loops: Loops, inputs: number): void {
  const { axes, rows, blocks } = loops;
  const pointers = f.pointers(inputs + roots.length);
  const { strides } = axes[axes.length - 1];
  const code = new VectorExpression(f, roots, (index) => strides[index] > 0);
  f.forRange(f.begin, f.end, 1, (item) => {
    const row = rows === 1 ? i32.const(0) : blocks === 1 ? item : f.localI32("row", i32.div_u(item, blocks));
    const block = blocks === 1
      ? i32.const(0)
      : rows === 1
      ? item
      : f.localI32("block", i32.rem_u(item, blocks));
    const offsets = byteOffsets(f, axes.slice(0, -1), inputs + 1, row);
    const addresses = pointers.map((pointer, k) =>
      f.localI32("address", i32.add(pointer, offsets[Math.min(k, inputs)]))
    );
    code.prepare((index) => v128.load32_splat(addresses[index]));
    writeBlock(f, block, loops, (at, offset, lanes) => {
      const values = code.compute((index) => v128.load(i32.add(addresses[index], at), offset));
      values.forEach((value, r) => storePartial(f, i32.add(addresses[inputs + r], at), value, lanes, offset));
    });
  });
}

/** The vectors of one block, then the row's last 1 to 3 elements in its last block. */
function writeBlock(
  f: KernelBuilder,
  block: Expr<"i32">,
  { size, blocks }: Loops,
  step: (at: Expr<"i32">, offset: number, lanes: number) => void,
): void {
  if (blocks === 1) return f.forVectors(size, step);
  const whole = 16 * Math.floor(size / 4);
  const first = f.localI32("first", i32.mul(block, 4 * BLOCK));
  const next = f.localI32("next", i32.add(first, 4 * BLOCK));
  f.forRange(first, i32.select(i32.lt_u(next, whole), next, whole), 16, (at) => step(at, 0, 4));
  if (size % 4 === 0) return;
  f.if(i32.eq(block, blocks - 1), () => step(i32.const(0), whole, size % 4));
}
