import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { FMA_PEAK, TILE_DEPTH, TILE_PEAK } from "../../bench/peak.ts";
import { f32 } from "../../engine/core/spec.ts";
import { Philox } from "../../engine/core/random.ts";
import { DeviceError } from "../../engine/core/errors.ts";
import { deviceTest } from "../devices.ts";

const LIMITS = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
};

deviceTest(["cpu"], "`FMA_PEAK` does as many multiply-adds as it counts", async (device, oracle) => {
  const specs = [f32(2)], attrs = { items: 3 };
  const [out] = await Promise.all([device, oracle].map(async (own) => {
    using _scope = own.scope();
    return await own.execute(FMA_PEAK, [own.tensor([2], Float32Array.of(0.5, 2))], attrs)[0].read();
  }));
  assertEquals(out.length, 3 * 48);
  assertEquals([...new Set(out)], [65536]);
  assertEquals(FMA_PEAK.cost(specs, attrs).flops, 2 * 65536 * out.length);
});

deviceTest(["cpu"], "`TILE_PEAK` computes the product of its panels", async (device, oracle) => {
  const a = new Philox(1, 0).normals(5 * TILE_DEPTH), b = new Philox(1, 1).normals(8 * TILE_DEPTH);
  const [got, want] = await Promise.all([device, oracle].map(async (own) => {
    using _scope = own.scope();
    const inputs = [own.tensor([TILE_DEPTH, 5], a), own.tensor([TILE_DEPTH, 8], b)];
    return await own.execute(TILE_PEAK, inputs, { items: 2 })[0].read();
  }));
  assertEquals(got.length, 2 * 5 * 8);
  got.forEach((value, i) => assertAlmostEquals(value, want[i], 1e-3));
});

Deno.test("the peaks have no shader, and say so", () => {
  for (const kernel of [FMA_PEAK, TILE_PEAK]) {
    assertThrows(() => kernel.webgpu([f32(2)], { items: 1 }, LIMITS), DeviceError, "it has WASM code only");
  }
});
