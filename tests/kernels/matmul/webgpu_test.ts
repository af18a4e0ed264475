import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { gridOf, type Kernel, type Limits } from "../../../engine/kernel.ts";
import { MATMUL, type MatmulAttrs, matmulSizes } from "../../../kernels/matmul/mod.ts";
import { matmulWebGpu } from "../../../kernels/matmul/webgpu.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

const LIMITS: Limits = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
};

/** `matmul` by one of the versions that teach and are not used: tiles of 16 x 16. */
function version(file: string): Kernel<MatmulAttrs> {
  const source = Deno.readTextFileSync(new URL(`../../../kernels/matmul/${file}`, import.meta.url));
  return {
    ...MATMUL,
    name: file,
    webgpu(inputs, attrs, limits) {
      const { batch, m, n, k } = matmulSizes(inputs, attrs);
      const groups = gridOf(batch * Math.ceil(m / 16) * Math.ceil(n / 16), limits);
      const { transA, transB } = attrs;
      const overrides = { M: m, N: n, K: k, BATCH: batch, TRANS_A: Number(transA), TRANS_B: Number(transB) };
      return { launches: [{ source, overrides, bindings: [0, 1, 2], groups }] };
    },
  };
}

for (const file of ["matmul_naive.wgsl", "matmul_tiled.wgsl"]) {
  deviceTest(["webgpu"], `\`${file}\` agrees with the reference in every layout`, async (device, oracle) => {
    const kernel = version(file);
    for (const attrs of [false, true].flatMap((a) => [false, true].map((b) => ({ transA: a, transB: b })))) {
      const shapes = [attrs.transA ? [2, 19, 33] : [2, 33, 19], attrs.transB ? [2, 21, 19] : [2, 19, 21]];
      const data = shapes.map((shape, i) => new Philox(3, i).normals(sizeOf(shape)));
      const run = async (on: typeof device) => {
        using _scope = on.scope();
        return await on.execute(kernel, shapes.map((shape, i) => on.tensor(shape, data[i])), attrs)[0].read();
      };
      const error = relativeError(await run(device), await run(oracle));
      assert(error < 1e-6, `${JSON.stringify(attrs)}: error ${error}`);
    }
  });
}

Deno.test("`matmulWebGpu()` splits k when the output has few tiles", () => {
  const attrs = { transA: true, transB: false };
  const { launches, scratch } = matmulWebGpu([f32(8192, 128), f32(8192, 128)], attrs, LIMITS);
  assertEquals(launches.length, 2);
  assertEquals(scratch, [f32(32, 128 * 128)]);
  assertEquals(launches[0].groups, [4 * 32, 1, 1]);
});

Deno.test("`matmulWebGpu()` uses one launch when the output has many tiles", () => {
  const attrs = { transA: false, transB: true };
  const { launches, scratch } = matmulWebGpu([f32(2048, 768), f32(384, 768)], attrs, LIMITS);
  assertEquals([launches.length, scratch], [1, undefined]);
  assertEquals(launches[0].groups, [32 * 6, 1, 1]);
});
