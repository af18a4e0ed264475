import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError } from "../../../engine/core/errors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { CpuBackend } from "../../../engine/device/cpu/cpu_backend.ts";
import { Device } from "../../../engine/device/device.ts";
import { DEFAULT_LIMITS, NullBackend } from "../../../engine/device/null_backend.ts";
import type { Backend } from "../../../engine/device/backend.ts";
import { matmul } from "../../../kernels/matmul/mod.ts";
import { softmax } from "../../../kernels/softmax/mod.ts";
import { deviceTest } from "../../devices.ts";

async function plan(backend: Backend): Promise<(number | string)[]> {
  using device = new Device(backend);
  const [a, b] = [device.persistent(f32(96, 700)), device.persistent(f32(700, 96))];
  using program = await device.record("plan", () => ({ out: softmax(matmul(matmul(a, b), a)) }));
  return [program.plannedBytes, program.launches, program.cost().flops, backend.groupedTileRows];
}

Deno.test("`NullBackend` plans the memory and launches of the cpu device", async () => {
  for (const threads of [1, 3]) {
    const warn = (line: string) => {
      throw new Error(line);
    };
    const real = Object.assign(new CpuBackend({ threads }), { warn });
    assertEquals(await plan(new NullBackend({ kind: "cpu", threads })), await plan(real));
  }
});

deviceTest(["webgpu"], "`NullBackend` has the tiles of the webgpu device", (device) => {
  assertEquals(new NullBackend().groupedTileRows, device.backend.groupedTileRows);
});

Deno.test("`NullBackend` counts bytes that it does not have", () => {
  const backend = new NullBackend();
  using device = new Device(backend);
  const huge = device.persistent(f32(2 ** 20, 2 ** 20));
  device.persistent(f32(3));
  assertEquals([backend.memory().live, backend.memory().buffers, backend.largest], [
    2 ** 42 + 12,
    2,
    2 ** 42,
  ]);
  device.release(huge);
  assertEquals([backend.memory().live, backend.memory().buffers, backend.largest], [12, 1, 2 ** 42]);
});

Deno.test("`NullBackend` refuses to run and to read", async () => {
  using device = new Device(new NullBackend({ kind: "cpu" }));
  const x = device.persistent(f32(2, 2));
  const message = assertThrows(() => softmax(x), DeviceError).message;
  assertEquals(message, "Cannot run kernels on the plan for cpu, without memory");
  await assertRejects(() => x.read(), DeviceError, "Cannot read from the plan for cpu, without memory");
});

Deno.test("`NullBackend` notes the operands that cannot be bound in one piece, the largest first", async () => {
  const limits = { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 100 * 100 * 4 };
  const backend = new NullBackend({ limits });
  using device = new Device(backend);
  const [a, b] = [device.persistent(f32(100, 100)), device.persistent(f32(100, 101))];
  using _program = await device.record("products", () => {
    const wide = device.within("layer", () => matmul(a, b));
    device.within("other", () => matmul(a, b));
    return { square: matmul(a, a), wide, tall: softmax(device.persistent(f32(200, 100))) };
  });
  assertEquals(backend.oversized, [
    { kernel: "softmax", path: "", spec: f32(200, 100) },
    { kernel: "matmul", path: "layer", spec: f32(100, 101) },
  ]);
  assertEquals(backend.largestOperand, 40_000);
});
