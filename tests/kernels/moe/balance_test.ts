import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import { UPDATE_BALANCE_BIAS, updateBalanceBias } from "../../../kernels/moe/balance/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(ALL, "`updateBalanceBias()` raises the idle and lowers the busy, around zero", async (device) => {
  using _scope = device.scope();
  const bias = device.tensor([4], new Float32Array([0, 0, 0, 0]));
  const gate = device.tensor([1], new Float32Array([1]));
  updateBalanceBias(bias, device.tensor([4], new Int32Array([9, 1, 1, 1])), gate, 0.5);
  // +0.5 three times and -0.5 once have the mean 0.25.
  assertEquals([...await bias.read()], [-0.75, 0.25, 0.25, 0.25]);
  updateBalanceBias(bias, device.tensor([4], new Int32Array([3, 3, 3, 3])), gate, 0.5);
  assertEquals([...await bias.read()], [-0.75, 0.25, 0.25, 0.25]);
});

deviceTest(ALL, "`updateBalanceBias()` changes nothing when the gate is negative", async (device) => {
  using _scope = device.scope();
  const start = new Float32Array([0.3, -0.1, 0.7]);
  const bias = device.tensor([3], start);
  const gate = device.tensor([1], new Float32Array([-1]));
  updateBalanceBias(bias, device.tensor([3], new Int32Array([5, 0, 1])), gate, 0.001);
  assertEquals(await bias.read(), start);
});

deviceTest(ALL, "`updateBalanceBias()` evens out the load when routing follows the bias", async (device) => {
  using _scope = device.scope();
  // Expert 0 scores higher by 0.3 for every token: without the rule it would get all of them.
  const scores = Array.from({ length: 64 }, (_, t) => [0.5, 0.2 * (t / 64), 0.2 * (((t * 29) % 64) / 64)]);
  const bias = device.tensor([3], new Float32Array(3));
  const gate = device.tensor([1], new Float32Array([1]));
  let counts = new Int32Array(3);
  for (let step = 0; step < 60; step++) {
    const b = await bias.read();
    counts = new Int32Array(3);
    for (const own of scores) {
      const biased = own.map((s, e) => s + b[e]);
      counts[biased.indexOf(Math.max(...biased))] += 1;
    }
    updateBalanceBias(bias, device.tensor([3], counts), gate, 0.01);
  }
  assert(counts.every((count) => count > 10 && count < 35), `got ${counts}`);
});

Deno.test("`updateBalanceBias()` names what is wrong when shapes do not fit", () => {
  const infer = (e: number, c: number, rate = 0.1) =>
    UPDATE_BALANCE_BIAS.infer([f32(e), i32(c), f32(1)], { rate });
  assertThrows(() => infer(4, 5), ShapeError, "bias and counts must be f32[E] and i32[E]");
  assertThrows(() => infer(4, 4, Infinity), ShapeError, "the rate must be a finite number");
});
