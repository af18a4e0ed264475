import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError, DeviceError } from "../engine/core/errors.ts";
import { chooseDevices } from "./devices.ts";

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
