import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { f32 } from "../../../../engine/core/spec.ts";
import { sizeClass } from "../../../../engine/device/webgpu/buffer_pool.ts";
import { webgpuTest } from "../../../devices.ts";

Deno.test("`sizeClass()` gives multiples of 16 that waste at most an eighth above 128 bytes", () => {
  for (let bytes = 1; bytes < 100_000; bytes += 37) {
    const size = sizeClass(bytes);
    assert(size >= bytes && size % 16 === 0, `${bytes} -> ${size}`);
    assert(size - bytes < Math.max(16, bytes / 8), `${bytes} -> ${size}`);
    assertEquals(sizeClass(size), size);
  }
});

webgpuTest("`allocate()` reuses a released buffer of the size class, in queue order", async (backend) => {
  const first = backend.allocate(1000);
  backend.write(first, new Float32Array(250).fill(1));
  const early = backend.read(first, f32(250));
  backend.release(first);
  const second = backend.allocate(1010);
  backend.write(second, new Float32Array(250).fill(2));
  assertEquals(backend.memory().buffers, 2, "one storage block, one staging block");
  assertEquals((await early)[249], 1);
  assertEquals((await backend.read(second, f32(250)))[0], 2);
  assertThrows(() => backend.release(first), DeviceError, "it was released");
});

webgpuTest("`memory()` counts live bytes exactly and keeps reserved bytes bounded", async (backend) => {
  const MB = 1 << 20;
  for (let i = 1; i <= 60; i++) backend.release(backend.allocate(i * MB));
  assertEquals(backend.memory().live, 0);
  assert(backend.memory().reserved <= 1.25 * 60 * MB + 64 * MB, `${backend.memory().reserved}`);
  const held = [12, 1000, 4 * MB].map((bytes) => backend.allocate(bytes));
  assertEquals(backend.memory().live, 12 + 1000 + 4 * MB);
  for (const buffer of held) backend.release(buffer);
  assertEquals(backend.memory().live, 0);
  await backend.finish();
});

webgpuTest("`allocate()` throws when a buffer is larger than the adapter allows", async (backend) => {
  const most = backend.gpu.limits.maxBufferSize;
  const wanted = `of ${most + 4} bytes: the adapter's maxBufferSize is ${most}`;
  assertThrows(() => backend.allocate(most + 4), DeviceError, wanted);
  assertEquals(backend.memory().live, 0);
  await backend.finish();
});
