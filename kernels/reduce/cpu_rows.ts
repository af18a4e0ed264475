import { type Expr, f32, f32x4, f64, i32, type KernelBuilder } from "../../engine/device/cpu/wasm/mod.ts";
import { keepLanes, sumLanes, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import { byteOffsets, VectorExpression } from "../expression/cpu.ts";
import type { Expression } from "../expression/expression.ts";
import type { Axis } from "../expression/layout.ts";
import type { ReduceAxes } from "./axes.ts";

/** Elements that one set of f32 accumulators adds up before they go into an f64 total. */
const BLOCK = 4096;
/** Terms of one work item, about. */
const CHUNK = 8192;
/** Outputs from which on there is work for all without cutting sums into chunks. */
const ENOUGH = 64;
const LONGEST = 65536;
/** Accumulators of four lanes: enough to hide the latency of an addition. */
const ACCUMULATORS = 4;

/** The loops of a reduction whose innermost loop is summed: terms come in units, rows of at most `BLOCK` elements. */
export interface RowLoops {
  readonly operands: number;
  readonly kept: readonly Axis[];
  /** Summed loops around the innermost one. */
  readonly outer: readonly Axis[];
  /** Stride of every operand in the innermost loop. */
  readonly strides: readonly number[];
  readonly size: number;
  readonly blocks: number;
  /** Units of a sum, of a chunk, and chunks of a sum. */
  readonly units: number;
  readonly chunk: number;
  readonly chunks: number;
}

/** Decides how sums are cut, by shape alone. */
export function rowLoops({ kept, summed, outputs, terms }: ReduceAxes, operands: number): RowLoops {
  const { size, strides } = summed[summed.length - 1];
  const blocks = Math.ceil(size / BLOCK);
  const units = (terms / size) * blocks;
  const whole = outputs >= ENOUGH && terms <= LONGEST;
  const chunk = whole ? units : Math.max(1, Math.floor(CHUNK / Math.min(size, BLOCK)));
  const chunks = Math.ceil(units / chunk);
  return { operands, kept, outer: summed.slice(0, -1), strides, size, blocks, units, chunk, chunks };
}

/** A work item is one chunk of one output; the last binding takes one number an item. */
export function writeRows(f: KernelBuilder, root: Expression, loops: RowLoops, scale: number): void {
  const { operands, kept, outer, blocks, units, chunk, chunks } = loops;
  const pointers = f.pointers(operands + 1);
  const code = new VectorExpression(f, [root], (index) => loops.strides[index] > 0);
  const total = f.localF64("total");
  f.forRange(f.begin, f.end, 1, (item) => {
    const output = chunks === 1 ? item : f.localI32("output", i32.div_u(item, chunks));
    const base = byteOffsets(f, kept, operands + 1, output);
    const first = chunks === 1 ? i32.const(0) : f.localI32("first", i32.mul(i32.rem_u(item, chunks), chunk));
    const next = f.localI32("next", i32.add(first, chunk));
    total.set(0);
    f.forRange(first, chunks === 1 ? units : i32.select(i32.lt_u(next, units), next, units), 1, (unit) => {
      const row = blocks === 1 ? unit : f.localI32("row", i32.div_u(unit, blocks));
      const offsets = byteOffsets(f, outer, operands + 1, row);
      const start = blocks === 1 ? i32.const(0) : i32.mul(i32.rem_u(unit, blocks), 4 * BLOCK);
      const addresses = offsets.slice(0, operands).map((offset, i) => {
        const address = i32.add(i32.add(pointers[i], base[i]), offset);
        return f.localI32("address", loops.strides[i] > 0 ? i32.add(address, start) : address);
      });
      code.prepare((index) => v128.load32_splat(addresses[index]));
      writeUnit(f, code, addresses, loops, unit, (sum) => total.set(f64.add(total, f64.promote_f32(sum))));
    });
    f.storeF32(i32.add(pointers[operands], i32.shl(item, 2)), f32.demote_f64(f64.mul(total, scale)));
  });
}

function writeUnit(
  f: KernelBuilder,
  code: VectorExpression,
  addresses: readonly Expr<"i32">[],
  { size, blocks }: RowLoops,
  unit: Expr<"i32">,
  done: (sum: Expr<"f32">) => void,
): void {
  const sums = Array.from({ length: ACCUMULATORS }, (_, k) => f.localV128(`sum${k}`));
  for (const sum of sums) sum.set(f.f32x4(0));
  const add = (count: number) =>
    f.forVectors(count, (at, offset, lanes, slot) => {
      const [value] = code.compute((index) => v128.load(i32.add(addresses[index], at), offset));
      sums[slot].set(f32x4.add(sums[slot], keepLanes(f, value, lanes, 0)));
    }, ACCUMULATORS);
  const rest = size - (blocks - 1) * BLOCK;
  if (blocks === 1 || rest === BLOCK) add(Math.min(size, BLOCK));
  else f.if(i32.eq(i32.rem_u(unit, blocks), blocks - 1), () => add(rest), () => add(BLOCK));
  const pairs = f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3]));
  done(sumLanes(f, pairs));
}
