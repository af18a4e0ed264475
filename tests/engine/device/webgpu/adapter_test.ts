import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigError, DeviceError } from "../../../../engine/core/errors.ts";
import { probeAdapter } from "../../../../engine/device/webgpu/adapter.ts";
import { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import { chooseDevices, webgpuAvailable } from "./adapter.ts";

const missing = () => Promise.resolve(undefined);
const present = () => Promise.resolve({});

Deno.test("`chooseDevices()` takes every device that exists when nothing is asked", async () => {
  assertEquals(await chooseDevices(undefined, present), ["reference", "cpu", "webgpu"]);
  assertEquals(await chooseDevices("", missing), ["reference", "cpu"]);
});

Deno.test("`chooseDevices()` takes what is named", async () => {
  assertEquals(await chooseDevices("cpu, reference", present), ["reference", "cpu"]);
  assertEquals(await chooseDevices("webgpu", present), ["webgpu"]);
});

Deno.test("`chooseDevices()` throws when webgpu is named without an adapter, or a name is unknown", async () => {
  await assertRejects(() => chooseDevices("webgpu", missing), DeviceError, "no adapter was found");
  await assertRejects(() => chooseDevices("cuda", present), ConfigError, '"cuda"');
});

Deno.test({
  name: "`probeAdapter()` reports name, limits and features when there is an adapter",
  ignore: !webgpuAvailable,
  fn: async () => {
    const report = await probeAdapter();
    assert(report !== undefined && report.name.length > 0);
    assert(report.limits.maxStorageBufferBindingSize >= 128 << 20);
    assert(report.limits.maxComputeWorkgroupsPerDimension >= 65535);
    assertEquals(report.software || !/llvmpipe/.test(report.name), true);
  },
});

Deno.test({
  name: "`WebGpuBackend.create()` refuses a software adapter when told to, and asks for all limits otherwise",
  ignore: !webgpuAvailable,
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
