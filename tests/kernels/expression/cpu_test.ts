import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { byteLength, f32, type Spec } from "../../../engine/core/spec.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import type { AnyKernel } from "../../../engine/kernel.ts";
import { ELEMENTWISE } from "../../../kernels/elementwise/mod.ts";
import { SUM } from "../../../kernels/reduce/mod.ts";
import { f32x4, i32, v128 } from "../../../engine/device/cpu/wasm/mod.ts";
import { VectorExpression } from "../../../kernels/expression/cpu.ts";
import { add, exp, input, mul } from "../../../kernels/expression/expression.ts";
import { runKernel } from "../../engine/device/cpu/wasm/harness.ts";

const GUARD = 64;

/** Runs a kernel's plan with its items dealt out in parts of `part` grains, in reverse, by two lanes. */
function runPlan(kernel: AnyKernel, inputs: readonly Spec[], attrs: unknown, part: number): number[] {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  let top = 4096;
  const place = (bytes: number) =>
    (top += Math.ceil((bytes + GUARD) / 64) * 64) - Math.ceil((bytes + GUARD) / 64) * 64;
  const [out] = kernel.infer(inputs, attrs);
  const { calls, scratch = [] } = kernel.cpu!(inputs, attrs);
  const addresses = [...inputs, out].map((spec) => place(byteLength(spec)));
  for (const { spec, perLane } of scratch) addresses.push(place(byteLength(spec) * (perLane ? 2 : 1)));
  new Uint8Array(memory.buffer).fill(0xff);
  inputs.forEach((spec, i) => {
    new Float32Array(memory.buffer, addresses[i]).set(new Philox(3, i + 1).normals(sizeOf(spec.shape)));
  });
  for (const { build, bindings, range, grain } of calls) {
    const env = { memory, data: 0 };
    const run = new WebAssembly.Instance(new WebAssembly.Module(build()), { env }).exports
      .run as CallableFunction;
    new Int32Array(memory.buffer, 64).set(bindings.map((slot) => addresses[slot]));
    const step = grain * part;
    for (let begin = Math.floor((range - 1) / step) * step; begin >= 0; begin -= step) {
      run(64, begin, Math.min(range, begin + step), (begin / step) % 2);
    }
  }
  const end = addresses[inputs.length] + byteLength(out);
  assert(new Uint8Array(memory.buffer, end, GUARD).every((byte) => byte === 0xff), "wrote past the output");
  return [...new Uint32Array(memory.buffer.slice(addresses[inputs.length], end))];
}

const CALLS: readonly [name: string, kernel: AnyKernel, inputs: readonly Spec[], attrs: unknown][] = [
  ["one long row", ELEMENTWISE.silu, [f32(40_003)], {}],
  ["many rows", ELEMENTWISE.modulate, [f32(20, 30, 37), f32(20, 1, 37), f32(20, 1, 37)], {}],
  ["a sum to a scalar", SUM, [f32(100_003)], { over: [100_003], shape: [1], scale: 1 }],
  ["a sum over rows", SUM, [f32(3001, 35)], { over: [3001, 35], shape: [1, 35], scale: 1 }],
  ["sums of rows", SUM, [f32(3001, 35)], { over: [3001, 35], shape: [3001, 1], scale: 1 }],
];

for (const [name, kernel, inputs, attrs] of CALLS) {
  Deno.test(`\`cpu()\` of ${name} gives the same bits when the range is split and writes nothing else`, () => {
    const whole = runPlan(kernel, inputs, attrs, 1 << 20);
    assertEquals(runPlan(kernel, inputs, attrs, 1), whole);
    assertEquals(runPlan(kernel, inputs, attrs, 3), whole);
  });
}

Deno.test("`VectorExpression` computes what does not vary in `prepare()`", () => {
  const out = new Float32Array(8);
  runKernel((f) => {
    const [x, y] = f.pointers(2);
    const code = new VectorExpression(f, [add(mul(input(0), exp(input(1))), 1)], (index) => index === 0);
    code.prepare((index) => {
      assertEquals(index, 1);
      return f32x4.splat(2);
    });
    f.forVectors(8, (at, offset) => {
      const [value] = code.compute((index) => {
        assertEquals(index, 0);
        return v128.load(i32.add(x, at), offset);
      });
      f.storeV128(i32.add(y, at), value, offset);
    });
  }, [Float32Array.from({ length: 8 }, (_, i) => i), out]);
  out.forEach((value, i) => assert(Math.abs(value - (i * Math.exp(2) + 1)) <= 1e-5));
});
