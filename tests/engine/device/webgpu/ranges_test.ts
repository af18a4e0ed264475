import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { f32 } from "../../../../engine/core/spec.ts";
import { Device } from "../../../../engine/device/device.ts";
import { DEFAULT_LIMITS } from "../../../../engine/device/null_backend.ts";
import { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import { bindingRanges, bindItems } from "../../../../engine/device/webgpu/ranges.ts";
import type { Binding, Kernel } from "../../../../engine/kernel.ts";
import { TEST_GPU, webgpuTest } from "../../../devices.ts";

const limited = (bytes: number) => ({ ...DEFAULT_LIMITS, maxStorageBufferBindingSize: bytes });

Deno.test("`bindingRanges()` cuts a stack of experts where a binding may begin", () => {
  assertEquals(bindingRanges(5, 1024, limited(5120)), [{ first: 0, count: 5 }]);
  assertEquals(bindingRanges(5, 1024, limited(5119)), [{ first: 0, count: 4 }, { first: 4, count: 1 }]);
  // 96 bytes: only every eighth item begins at a multiple of 256.
  assertEquals(
    bindingRanges(20, 96, limited(1000)),
    [0, 8, 16].map((first) => ({
      first,
      count: Math.min(8, 20 - first),
    })),
  );
});

Deno.test("`bindingRanges()` gives the whole where no cut helps", () => {
  assertEquals(bindingRanges(3, 2048, limited(2047)), [{ first: 0, count: 3 }]);
  assertEquals(bindingRanges(20, 96, limited(767)), [{ first: 0, count: 20 }]);
});

Deno.test("`bindingRanges()` cuts the experts of a 3B layer at the default limits", () => {
  const expert = 4 * 2880 * 1152;
  const ranges = bindingRanges(16, expert, DEFAULT_LIMITS);
  assertEquals(ranges, [{ first: 0, count: 10 }, { first: 10, count: 6 }]);
  assertEquals(bindItems(1, ranges[1], expert, 16), { slot: 1, offset: 10 * expert, size: 6 * expert });
  assertEquals(bindItems(1, { first: 0, count: 16 }, expert, 16), 1);
});

/** Doubles the bound part of its input into the bound part of its output. */
function doubling(bindings: readonly Binding[]): Kernel {
  const source = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { y[id.x] = 2.0 * x[id.x]; }
}`;
  return {
    name: "doubling",
    infer: ([x]) => [x],
    cost: () => ({ flops: 0, bytesRead: 0, bytesWritten: 0 }),
    reference: () => {},
    webgpu: () => ({ launches: [{ source, bindings, groups: [8, 1, 1] }] }),
  };
}

webgpuTest("a launch binds a range of a slot's bytes", async (backend) => {
  using device = new Device(backend);
  const x = device.tensor([130], new Float32Array(130).fill(1));
  const kernel = doubling([{ slot: 0, offset: 0, size: 264 }, { slot: 1, offset: 256, size: 264 }]);
  // A scope's buffers come from the pool: the output's first elements are whatever they were.
  const [y] = device.execute(kernel, [x], {});
  assertEquals((await y.read()).subarray(64), new Float32Array(66).fill(2));
});

webgpuTest("a range that is not within its slot, or not aligned, is refused", async (backend) => {
  using device = new Device(backend);
  const x = device.tensor([130], new Float32Array(130));
  for (const range of [{ offset: 128, size: 64 }, { offset: 256, size: 300 }, { offset: 0, size: 0 }]) {
    const refused = () => device.execute(doubling([{ slot: 0, ...range }, 1]), [x], {});
    const { message } = assertThrows(refused, DeviceError);
    assert(message.startsWith(`Cannot launch kernel "doubling": bytes ${range.offset} to`), message);
    assert(message.includes("f32[130] that begins at a multiple of 256"), message);
  }
  await device.finish();
});

webgpuTest("a tensor may be larger than one binding, and is bound as no more than it is", async () => {
  const limits = { maxStorageBufferBindingSize: 1024 };
  using device = new Device(await WebGpuBackend.create({ gpu: TEST_GPU, limits }));
  const large = device.persistent(f32(512), new Float32Array(512).fill(3));
  assertThrows(
    () => device.execute(doubling([0, 1]), [large], {}),
    DeviceError,
    "got f32[512] of 2048 bytes",
  );
  const halves: Binding[] = [0, 1].map((slot) => ({ slot, offset: 1024, size: 1024 }));
  // The small tensor lives in a pooled buffer that the large one needs: its binding must not span all of it.
  using program = await device.record("halves", () => {
    const [y] = device.execute(doubling(halves), [large], {});
    const [z] = device.execute(doubling(halves), [y], {});
    const small = device.execute(doubling([0, 1]), [device.constant("small", () => ({
      shape: [100],
      data: new Float32Array(100).fill(5),
    }))], {})[0];
    return { z, out: device.execute(doubling([0, 1]), [small], {})[0] };
  });
  assertEquals(program.plannedBytes, 2 * 2048 + 400);
  program.run();
  assertEquals(await program.results.out.read(), new Float32Array(100).fill(20));
  assertEquals((await program.results.z.read()).subarray(256), new Float32Array(256).fill(12));
});
