import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { f32, i32 } from "../../../../engine/core/spec.ts";
import { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import { webgpuTest } from "../../../devices.ts";
import { ADD, bindCall, BROKEN, filled, SCALED_SQUARE, toyCall, toyKernel } from "./toy_kernels.ts";

const range = (size: number) => Array.from({ length: size }, (_, i) => i);

webgpuTest("`submit()` adds two vectors", async (backend) => {
  const call = toyCall(ADD, 2, 131);
  const { bound, output } = bindCall(backend, call, [
    filled(backend, range(131)),
    filled(backend, range(131)),
  ]);
  backend.submit([bound]);
  assertEquals([...await backend.read(output, f32(131))], range(131).map((i) => 2 * i));
  assertEquals(bound.launches, 1);
});

webgpuTest("`submit()` runs a list in order, with scratch between two launches", async (backend) => {
  const square = bindCall(backend, toyCall(SCALED_SQUARE, 1, 70, { scale: 3 }), [filled(backend, range(70))]);
  assertEquals(square.bound.launches, 2);
  const sum = bindCall(backend, toyCall(ADD, 2, 70), [square.output, square.output]);
  backend.submit([square.bound, sum.bound]);
  assertEquals([...await backend.read(sum.output, f32(70))], range(70).map((i) => 6 * i * i));
});

webgpuTest("`submit()` reaches every element when there are more than 65,535 workgroups", async (backend) => {
  const size = 64 * 65_535 + 65;
  const values = new Float32Array(size).map((_, i) => i % 1009);
  const x = backend.allocate(size * 4);
  backend.write(x, values);
  const { bound, output } = bindCall(backend, toyCall(ADD, 2, size), [x, x]);
  backend.submit([bound]);
  const sum = await backend.read(output, f32(size));
  assertEquals(sum.findIndex((value, i) => value !== 2 * (i % 1009)), -1);
});

webgpuTest("`read()` gives the array type of the spec", async (backend) => {
  const buffer = backend.allocate(12);
  backend.write(buffer, Int32Array.of(-1, 2, -3));
  const read = await backend.read(buffer, i32(3));
  assert(read instanceof Int32Array);
  assertEquals([...read], [-1, 2, -3]);
});

webgpuTest("`lower()` gives equal calls one object and tells special numbers apart", async (backend) => {
  const lower = (scale: number) => backend.lower(toyCall(SCALED_SQUARE, 1, 8, { scale }));
  assertStrictEquals(lower(2), lower(2));
  assert(lower(2) !== lower(3));
  assert(lower(NaN) !== lower(Infinity));
  assert(lower(0) !== lower(-0));
  assertEquals(lower(2).scratchBytes, [32]);
  await backend.finish();
});

webgpuTest("`lower()` throws when a launch does not fit the adapter", async (backend) => {
  const launch = { source: "", bindings: [0], groups: [1, 1, 1] as const };
  const lower = (change: Partial<typeof launch> | { groups: readonly [number, number, number] }) =>
    backend.lower(toyCall(toyKernel("toy_wrong", () => ({ launches: [{ ...launch, ...change }] })), 1, 8));
  assertThrows(() => lower({ groups: [70_000, 1, 1] }), DeviceError, "got 70000 x 1 x 1");
  assertThrows(
    () => lower({ bindings: [5] }),
    DeviceError,
    'kernel "toy_wrong" in "toys.0": slots go from 0 to 1',
  );
  await backend.finish();
});

webgpuTest(
  "`warm()` rejects with kernel, overrides and source line when a shader is wrong",
  async (backend) => {
    const lowered = [backend.lower(toyCall(ADD, 2, 8)), backend.lower(toyCall(BROKEN, 0, 8))];
    const error = await assertRejects(() => backend.warm(lowered), DeviceError);
    assertBrokenExplained(error.message);
    await backend.finish();
  },
);

webgpuTest(
  "`finish()` and `read()` reject after an eager `bind()` of a wrong shader, every time",
  async (backend) => {
    const lowered = backend.lower(toyCall(BROKEN, 0, 8));
    const buffer = backend.allocate(32);
    backend.submit([backend.bind(lowered, [buffer])]);
    assertBrokenExplained((await assertRejects(() => backend.finish(), DeviceError)).message);
    backend.submit([backend.bind(lowered, [buffer])]);
    assertBrokenExplained((await assertRejects(() => backend.read(buffer, f32(8)), DeviceError)).message);
    await backend.finish();
  },
);

webgpuTest("`finish()` names the kernel when its bindings do not fit the shader", async (backend) => {
  const source = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() { x[0] = 1.0; }`;
  const kernel = toyKernel(
    "toy_misbound",
    () => ({ launches: [{ source, bindings: [0, 1], groups: [1, 1, 1] }] }),
  );
  const { bound } = bindCall(backend, toyCall(kernel, 1, 8), [backend.allocate(32)]);
  backend.submit([bound]);
  await assertRejects(() => backend.finish(), DeviceError, 'Cannot bind kernel "toy_misbound"');
});

webgpuTest("`bind()` throws when a buffer is missing, released or foreign", async (backend) => {
  const lowered = backend.lower(toyCall(ADD, 2, 8));
  const [x, y, z] = [0, 1, 2].map(() => backend.allocate(32));
  assertThrows(() => backend.bind(lowered, [x, y]), DeviceError, "3 buffers wanted, got 2");
  assertThrows(() => backend.bind(lowered, [x, y, { bytes: 32 }]), DeviceError, "another device");
  backend.release(z);
  assertThrows(() => backend.bind(lowered, [x, y, z]), DeviceError, "it was released");
  await backend.finish();
});

webgpuTest("`bind()` keeps bind groups bounded over 6,000 eager calls", async (backend) => {
  const lowered = backend.lower(toyCall(ADD, 2, 8));
  const inputs = Array.from({ length: 80 }, () => backend.allocate(32));
  const output = backend.allocate(32);
  let made = 0;
  for (let i = 0; i < 6000; i++) {
    const bound = backend.bind(lowered, [inputs[i % 80], inputs[Math.floor(i / 80)], output]);
    backend.unbind(bound);
    made = Math.max(made, backend.bindGroups);
  }
  assertEquals(made, 4096);
  await backend.finish();
});

webgpuTest("`bind()` reuses one bind group over 3,000 eager calls on pooled buffers", async (backend) => {
  const inputs = [filled(backend, range(8)), filled(backend, range(8))];
  for (let i = 0; i < 3000; i++) {
    const { bound, output } = bindCall(backend, toyCall(ADD, 2, 8), inputs);
    backend.submit([bound]);
    backend.unbind(bound);
    backend.release(output);
  }
  assertEquals(backend.bindGroups, 1);
  assertEquals(backend.memory(), { live: 64, reserved: 96, buffers: 3 });
  await backend.finish();
});

webgpuTest("`profile()` gives one time for each entry when timestamps are offered", async (backend) => {
  assertEquals(backend.profile !== undefined, backend.gpu.features.has("timestamp-query"));
  if (!backend.profile) return;
  const { bound, output } = bindCall(backend, toyCall(ADD, 2, 8), [
    filled(backend, range(8)),
    filled(backend, range(8)),
  ]);
  const times = await backend.profile(Array(2100).fill(bound));
  assertEquals(times.length, 2100);
  assert(times.every((time) => time >= 0 && Number.isFinite(time)));
  assert(times.some((time) => time > 0));
  assertEquals([...await backend.read(output, f32(8))], range(8).map((i) => 2 * i));
});

webgpuTest("`dispose()` returns every byte and later calls throw", async (backend) => {
  const { bound, output } = bindCall(backend, toyCall(ADD, 2, 8), [
    filled(backend, range(8)),
    filled(backend, range(8)),
  ]);
  backend.submit([bound]);
  await backend.read(output, f32(8));
  await backend.profile?.([bound]);
  backend.dispose();
  assertEquals(backend.memory(), { live: 0, reserved: 0, buffers: 0 });
  assertEquals(backend.bindGroups, 0);
  backend.release(output);
  assertEquals(backend.memory(), { live: 0, reserved: 0, buffers: 0 });
  assertThrows(() => backend.allocate(4), DeviceError, "it was disposed");
  assertThrows(() => backend.submit([bound]), DeviceError, "it was disposed");
  await assertRejects(() => backend.finish(), DeviceError, "it was disposed");
});

webgpuTest(
  "`finish()`, `read()` and `submit()` fail with DeviceError when the device is lost",
  async (backend) => {
    const { bound, output } = bindCall(backend, toyCall(ADD, 2, 8), [
      filled(backend, range(8)),
      filled(backend, range(8)),
    ]);
    backend.submit([bound]);
    const reading = backend.read(output, f32(8));
    backend.gpu.destroy();
    await assertRejects(() => reading, DeviceError, "it was lost");
    await assertRejects(() => backend.finish(), DeviceError, "it was lost");
    assertThrows(() => backend.submit([bound]), DeviceError, "it was lost");
    await assertRejects(() => backend.read(output, f32(8)), DeviceError, "it was lost");
  },
);

webgpuTest("`finish()` rejects once when an error reached no scope", async (backend) => {
  backend.gpu.createBuffer({ size: 2 ** 40, usage: GPUBufferUsage.STORAGE });
  const error = await assertRejects(() => backend.finish(), DeviceError, "Cannot run on WebGPU: Buffer size");
  assert(error.message.includes("1099511627776"), error.message);
  await backend.finish();
});

webgpuTest("`finish()` rejects when `allocate()` ran out of memory", async (backend) => {
  const { gpu } = backend;
  const pop = gpu.popErrorScope.bind(gpu);
  const full = () => pop().then(() => new GPUOutOfMemoryError("heap is full"));
  Object.defineProperty(gpu, "popErrorScope", { value: full, configurable: true });
  backend.allocate(1024);
  delete (gpu as { popErrorScope?: unknown }).popErrorScope;
  await assertRejects(() => backend.finish(), DeviceError, "of 1024 bytes: out of memory (heap is full)");
});

webgpuTest("`warm()` and `finish()` reject when the device was lost just before", async (backend) => {
  const lowered = backend.lower(toyCall(ADD, 2, 8));
  backend.gpu.destroy();
  await assertRejects(() => Promise.all([backend.warm([lowered]), backend.finish()]), DeviceError, "lost");
  const other = await WebGpuBackend.create();
  other.gpu.destroy();
  await assertRejects(() => other.finish(), DeviceError, "it was lost");
  other.dispose();
});

function assertBrokenExplained(message: string): void {
  assert(message.startsWith('Cannot compile kernel "toy_broken" in "toys.0": '), message);
  assert(message.includes("no_such_function") && message.includes("WIDTH = 3"), message);
  assert(message.includes("> 4 |   x[WIDTH] = no_such_function(1.0);"), message);
}
