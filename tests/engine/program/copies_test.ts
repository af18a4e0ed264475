import { assertEquals } from "@std/assert";
import { f32 } from "../../../engine/core/spec.ts";
import { Arena } from "../../../engine/device/arena.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Program } from "../../../engine/program/program.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { assign } from "../../../kernels/assign/mod.ts";
import { add, scale } from "../../../kernels/elementwise/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

const kernelsOf = (program: Program) => program.calls.map(({ kernel }) => kernel.name);

function arenaOf(device: Device): { arena: Arena; x: Tensor } {
  const x = device.persistent(f32(3), Float32Array.of(1, 2, 3));
  return { arena: new Arena(device, [f32(3), f32(3)]), x };
}

deviceTest(
  ALL,
  "a program computes in place what `assign()` would copy to a part of an arena",
  async (device) => {
    const { arena, x } = arenaOf(device);
    using parts = arena;
    using program = await device.record("copies", () => {
      const [double, triple] = [scale(x, 2), scale(x, 3)];
      assign(parts.parts[0], double);
      assign(parts.parts[1], triple);
      return {};
    });
    assertEquals([kernelsOf(program), program.plannedBytes], [["scale", "scale"], 0]);
    program.run();
    assertEquals(await parts.parts[0].read(), Float32Array.of(2, 4, 6));
    assertEquals(await parts.parts[1].read(), Float32Array.of(3, 6, 9));
    device.release(x);
  },
);

deviceTest(ALL, "`assign()` stays where its source is used later, or is a result", async (device) => {
  const { arena, x } = arenaOf(device);
  using parts = arena;
  using program = await device.record("copies", () => {
    const [used, kept] = [scale(x, 2), scale(x, 3)];
    assign(parts.parts[0], used);
    assign(parts.parts[1], kept);
    return { kept, sum: add(used, x) };
  });
  assertEquals(kernelsOf(program), ["scale", "scale", "assign", "assign", "add"]);
  program.run();
  assertEquals(await parts.parts[1].read(), Float32Array.of(3, 6, 9));
  assertEquals(await program.results.sum.read(), Float32Array.of(3, 6, 9));
  device.release(x);
});

deviceTest(
  ALL,
  "`assign()` stays where a call would read one part of a buffer and write another",
  async (device) => {
    const { arena, x } = arenaOf(device);
    using parts = arena;
    using program = await device.record("copies", () => {
      const first = scale(x, 2);
      const second = scale(first, 5);
      assign(parts.parts[0], first);
      assign(parts.parts[1], second);
      return {};
    });
    assertEquals(kernelsOf(program), ["scale", "scale", "assign"]);
    program.run();
    assertEquals(await parts.parts[0].read(), Float32Array.of(2, 4, 6));
    assertEquals(await parts.parts[1].read(), Float32Array.of(10, 20, 30));
    device.release(x);
  },
);

deviceTest(ALL, "`assign()` stays where its destination is read before", async (device) => {
  const { arena, x } = arenaOf(device);
  using parts = arena;
  using program = await device.record("copies", () => {
    assign(parts.parts[0], add(parts.parts[0], x));
    return {};
  });
  assertEquals(kernelsOf(program), ["add", "assign"]);
  program.run();
  program.run();
  assertEquals(await parts.parts[0].read(), Float32Array.of(2, 4, 6));
  device.release(x);
});
