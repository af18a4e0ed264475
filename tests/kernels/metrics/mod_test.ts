import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { f32, u32 } from "../../../engine/core/spec.ts";
import { full } from "../../../kernels/elementwise/mod.ts";
import { logRow } from "../../../kernels/metrics/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(
  ALL,
  "`logRow()` writes a row a step and wraps when a recorded program runs on",
  async (device) => {
    using _scope = device.scope();
    const ring = device.persistent(f32(3, 4), new Float32Array(12).fill(-1));
    const rng = device.persistent(u32(3));
    const counts = device.persistent({ dtype: "i32", shape: [2] });
    using program = await device.record("log", () => {
      logRow(ring, rng, 0, full(device, [], 0.5));
      logRow(ring, rng, 2, counts);
      return {};
    });
    for (const step of [0, 1, 3]) {
      rng.write(Uint32Array.of(11, 12, step));
      counts.write(Int32Array.of(step, -step));
      program.run();
    }
    assertEquals([...await ring.read()], [0.5, -1, 3, -3, 0.5, -1, 1, -1, -1, -1, -1, -1]);
    for (const tensor of [ring, rng, counts]) device.release(tensor);
  },
);

deviceTest(["reference"], "`logRow()` names the column when the value does not fit the row", (device) => {
  using _scope = device.scope();
  const ring = device.tensor([2, 4], new Float32Array(8));
  const rng = device.tensor([3], new Uint32Array(3));
  const value = device.tensor([2], new Float32Array(2));
  assertThrows(() => logRow(ring, rng, 3, value), ShapeError, "f32[2] to column 3 of f32[2, 4]");
  assertThrows(() => logRow(ring, rng, -1, value), ShapeError);
});
