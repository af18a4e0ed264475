import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { probeAdapter } from "../../../../engine/device/webgpu/adapter.ts";
import { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import { available } from "../../../devices.ts";

const missing = () => Promise.resolve(undefined);

Deno.test({
  name: "`probeAdapter()` reports name, limits and features when there is an adapter [webgpu]",
  ignore: !available.webgpu,
  fn: async () => {
    const report = await probeAdapter();
    assert(report !== undefined && report.name.length > 0);
    assert(report.limits.maxStorageBufferBindingSize >= 128 << 20);
    assert(report.limits.maxComputeWorkgroupsPerDimension >= 65535);
    assertEquals(report.software || !/llvmpipe/.test(report.name), true);
  },
});

Deno.test({
  name:
    "`WebGpuBackend.create()` refuses a software adapter when told to, and asks for all limits otherwise [webgpu]",
  ignore: !available.webgpu,
  fn: async () => {
    const report = (await probeAdapter())!;
    if (report.software) {
      const refused = () => WebGpuBackend.create({ allowSoftware: false });
      await assertRejects(refused, DeviceError, "a hardware adapter is wanted");
    }
    const backend = await WebGpuBackend.create();
    assertEquals(backend.adapter, report);
    assertEquals(
      backend.limits.maxStorageBuffersPerShaderStage,
      report.limits.maxStorageBuffersPerShaderStage,
    );
    assert(backend.description.includes(report.name));
    assertEquals(
      backend.limits.subgroup,
      backend.gpu.features.has("subgroups") ? report.subgroup : undefined,
    );
    backend.dispose();
  },
});

Deno.test("`WebGpuBackend.create()` names the package to install when there is no adapter", async () => {
  const gpu = navigator.gpu;
  const own = Object.getOwnPropertyDescriptor(navigator, "gpu");
  Object.defineProperty(navigator, "gpu", { value: { requestAdapter: missing }, configurable: true });
  try {
    await assertRejects(
      () => WebGpuBackend.create(),
      DeviceError,
      "apt-get install mesa-vulkan-drivers libvulkan1",
    );
    assertEquals(await probeAdapter(), undefined);
  } finally {
    if (own) Object.defineProperty(navigator, "gpu", own);
    else delete (navigator as { gpu?: GPU }).gpu;
  }
  assertEquals(navigator.gpu, gpu);
});
