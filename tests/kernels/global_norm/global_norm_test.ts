import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { f32, u32 } from "../../../engine/core/spec.ts";
import { CLIP_GATE, clipGate, globalNorm } from "../../../kernels/global_norm/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(
  ALL,
  "`globalNorm()` is the norm of all tensors together, with the same bits each time",
  async (device) => {
    using _scope = device.scope();
    const tensors = [3, 4099, 70_001].map((size, i) =>
      device.tensor([size], new Philox(71, i).normals(size))
    );
    let sum = 0;
    for (const tensor of tensors) for (const x of await tensor.read()) sum += x * x;
    const [norm] = await globalNorm(tensors).read();
    assert(Math.abs(norm / Math.sqrt(sum) - 1) <= 1e-6);
    assertEquals([...await globalNorm(tensors).read()], [norm]);
  },
);

deviceTest(ALL, "`globalNorm()` is not finite when one element is not", async (device) => {
  using _scope = device.scope();
  for (const bad of [NaN, Infinity]) {
    const values = new Float32Array(5000);
    values[4321] = bad;
    const fine = device.tensor([2], new Float32Array([1, 2]));
    const [norm] = await globalNorm([fine, device.tensor([5000], values)]).read();
    assert(!Number.isFinite(norm), `got ${norm} for ${bad}`);
  }
});

deviceTest(ALL, "`clipGate()` stays closed when a step was not finite", async (device) => {
  using _scope = device.scope();
  const one = (value: number) => device.tensor([1], new Float32Array([value]));
  const halted = device.tensor([1], new Uint32Array(1));
  const gates: number[] = [];
  for (const [norm, loss] of [[0.5, 1], [4, 1], [NaN, 1], [0.5, 1]]) {
    gates.push((await clipGate(one(norm), device.tensor([], new Float32Array([loss])), halted, 1).read())[0]);
  }
  assertEquals(gates.map((gate) => Number(gate.toFixed(5))), [1, 0.25, -1, -1]);
  assertEquals([...await halted.read()], [1]);
  halted.write(new Uint32Array(1));
  const loss = device.tensor([], new Float32Array([Infinity]));
  assertEquals([...await clipGate(one(0.5), loss, halted, null).read()], [-1]);
});

Deno.test("`globalNorm()` and `clipGate()` name what is wrong", () => {
  assertThrows(() => globalNorm([]), ShapeError, "at least 1 tensor wanted, got 0");
  const infer = (maxNorm: number | null) => CLIP_GATE.infer([f32(1), f32(), u32(1)], { maxNorm });
  assertThrows(() => infer(0), ShapeError, "maxNorm must be null or a finite number above 0, got 0");
  assertEquals(infer(null), [f32(1)]);
});
