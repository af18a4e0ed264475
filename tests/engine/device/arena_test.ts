import { assertEquals } from "@std/assert";
import { f32 } from "../../../engine/core/spec.ts";
import { Arena, layOut } from "../../../engine/device/arena.ts";
import { Device } from "../../../engine/device/device.ts";
import { DEFAULT_LIMITS, NullBackend } from "../../../engine/device/null_backend.ts";
import { overlap } from "../../../engine/tensor.ts";
import { assign } from "../../../kernels/assign/mod.ts";
import { scale } from "../../../kernels/elementwise/mod.ts";
import { deviceTest } from "../../devices.ts";

Deno.test("`layOut()` fills buffers in order, and gives a part that is too large one of its own, in pieces", () => {
  assertEquals(layOut([64, 1, 100, 300, 64], 256), {
    places: [
      { buffer: 0, start: 0 },
      { buffer: 0, start: 64 },
      { buffer: 0, start: 128 },
      { buffer: 1, start: 0 },
      { buffer: 2, start: 0 },
    ],
    sizes: [256, 320, 64],
    pieces: [
      { buffer: 0, start: 0, size: 256 },
      { buffer: 1, start: 0, size: 256 },
      { buffer: 1, start: 256, size: 64 },
      { buffer: 2, start: 0, size: 64 },
    ],
  });
  assertEquals(layOut([], 256), { places: [], sizes: [], pieces: [] });
  assertEquals(layOut([300, 5], Infinity).pieces, [{ buffer: 0, start: 0, size: 384 }]);
});

Deno.test("`Arena` keeps its pieces within the largest operand, unless it is to be single", () => {
  const limits = { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 1024 };
  using device = new Device(new NullBackend({ limits }));
  const sizes = (arena: Arena) => arena.pieces.map(({ size }) => size);
  const specs = [f32(10, 60), f32(3)];
  assertEquals(sizes(new Arena(device, specs)), [256, 256, 128, 64]);
  assertEquals(sizes(new Arena(device, specs, { single: true })), [704]);
});

deviceTest(
  ["reference", "cpu", "webgpu"],
  "the pieces of an `Arena` hold the bytes of its parts",
  async (device) => {
    using arena = new Arena(device, [f32(100), f32(2, 3)]);
    arena.parts[0].write(new Float32Array(100).fill(1));
    arena.parts[1].write(new Float32Array(6).fill(2));
    const [piece] = arena.pieces;
    assertEquals(
      [...await piece.read()].map(String).join(""),
      "1".repeat(100) + "0".repeat(28) + "2".repeat(6) + "0".repeat(58),
    );
  },
);

Deno.test("a copy stays in a program where a piece with its destination is used before it", async () => {
  const limits = { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 1024 };
  using device = new Device(new NullBackend({ limits }));
  const [used, free] = [new Arena(device, [f32(600)]), new Arena(device, [f32(600)])];
  assertEquals(overlap(used.parts[0].storage, used.pieces[1].storage), true);
  assertEquals(overlap(used.pieces[0].storage, used.pieces[1].storage), false);
  using program = await device.record("copies", () => {
    const x = device.constant("x", () => ({ shape: [600], data: new Float32Array(600) }));
    scale(used.pieces[2], 2);
    assign(used.parts[0], scale(x, 3));
    assign(free.parts[0], scale(x, 4));
    scale(free.pieces[2], 2);
    return {};
  });
  assertEquals(program.calls.map(({ kernel }) => kernel.name), [
    "scale",
    "scale",
    "assign",
    "scale",
    "scale",
  ]);
});
