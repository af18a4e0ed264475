import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { openDevice } from "../../../../engine/device/open.ts";
import { probeAdapter } from "../../../../engine/device/webgpu/adapter.ts";
import { DAWN_PACKAGE, openGpu, providerOf } from "../../../../engine/device/webgpu/provider.ts";

const { state } = await Deno.permissions.query({ name: "ffi" });

Deno.test("`openGpu()` gives Deno's own WebGPU unless told", async () => {
  assertStrictEquals(await openGpu(), navigator.gpu);
  assertStrictEquals(await openGpu("deno"), navigator.gpu);
  assertEquals([providerOf(), providerOf("deno"), providerOf("dawn:AMD")], ["Deno", "Deno", "Dawn"]);
});

Deno.test("`openGpu()` names what is wanted when it is given another name", async () => {
  for (const name of ["wgpu", "dawn:", "dawnish"]) {
    await assertRejects(
      () => openGpu(name),
      DeviceError,
      `Cannot use --gpu ${name}: wanted deno, dawn or dawn:NAME`,
    );
  }
});

Deno.test({
  name: "`openGpu()` asks for --allow-ffi when Dawn may not be loaded",
  ignore: state === "granted",
  fn: async () => {
    const wanted =
      "Cannot use --gpu dawn without the permission to call native code: run it with --allow-ffi";
    await assertRejects(() => openGpu("dawn"), DeviceError, wanted);
    await assertRejects(() => openDevice("webgpu", { gpu: "dawn" }), DeviceError, wanted);
  },
});

Deno.test({
  name: `\`probeAdapter()\` lists Dawn's adapters when none has the name (${DAWN_PACKAGE}, --allow-ffi)`,
  ignore: state !== "granted" || await probeAdapter("dawn") === undefined,
  fn: async () => {
    await assertRejects(
      () => probeAdapter("dawn:no such adapter"),
      DeviceError,
      "Cannot use --gpu dawn:no such",
    );
  },
});

Deno.test("`openDevice()` refuses a provider of WebGPU for another device", async () => {
  const wanted = "Cannot use --gpu on the cpu device: it serves the webgpu device, add --device webgpu";
  await assertRejects(() => openDevice("cpu", { gpu: "deno" }), DeviceError, wanted);
});
