import { assertEquals } from "@std/assert";
import { axesOf, walk } from "../../../kernels/expression/layout.ts";
import { byteOffsets } from "../../../kernels/expression/cpu.ts";
import { runKernel } from "../../engine/device/cpu/wasm/harness.ts";
import { i32 } from "../../../engine/device/cpu/wasm/mod.ts";

Deno.test("`axesOf()` merges everything when no operand stretches", () => {
  const shape = [2, 3, 4];
  assertEquals(axesOf(shape, [shape, shape]), [{ size: 24, strides: [1, 1] }]);
});

Deno.test("`axesOf()` keeps apart what one operand stretches", () => {
  assertEquals(axesOf([2, 3, 4], [[2, 1, 4], [2, 3, 4]]), [
    { size: 2, strides: [4, 12] },
    { size: 3, strides: [0, 4] },
    { size: 4, strides: [1, 1] },
  ]);
});

Deno.test("`axesOf()` merges neighbours that an operand stretches together", () => {
  assertEquals(axesOf([2, 3, 4], [[4], [2, 3, 4]]), [
    { size: 6, strides: [0, 4] },
    { size: 4, strides: [1, 1] },
  ]);
});

Deno.test("`axesOf()` gives one loop of one round for a scalar", () => {
  assertEquals(axesOf([], [[], []]), [{ size: 1, strides: [1, 1] }]);
});

const SHAPE = [2, 3, 4];
const OPERANDS = [[2, 3, 4], [3, 1], [2, 1, 4], []];

function offsetsByHand(): number[][] {
  const all: number[][] = [];
  for (let a = 0; a < 2; a++) {
    for (let b = 0; b < 3; b++) {
      for (let c = 0; c < 4; c++) all.push([(a * 3 + b) * 4 + c, b, a * 4 + c, 0]);
    }
  }
  return all;
}

Deno.test("`walk()` visits every position in row-major order with every operand's offset", () => {
  const seen: number[][] = [];
  walk(axesOf(SHAPE, OPERANDS), (offsets, position) => {
    assertEquals(position, seen.length);
    seen.push([...offsets]);
  });
  assertEquals(seen, offsetsByHand());
});

Deno.test("`byteOffsets()` finds every operand's offset from a position", () => {
  const axes = axesOf(SHAPE, OPERANDS);
  const out = new Int32Array(24 * OPERANDS.length);
  runKernel(
    (f) => {
      const [pointer] = f.pointers(1);
      f.forRange(f.begin, f.end, 1, (position) => {
        byteOffsets(f, axes, OPERANDS.length, position).forEach((offset, i) =>
          f.storeI32(i32.add(pointer, i32.mul(position, 4 * OPERANDS.length)), offset, 4 * i)
        );
      });
    },
    [out],
    0,
    24,
  );
  assertEquals([...out], offsetsByHand().flat().map((offset) => 4 * offset));
});
