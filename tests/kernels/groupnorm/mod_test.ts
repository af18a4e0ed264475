import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import { DEFAULT_LIMITS } from "../../../engine/device/null_backend.ts";
import { GROUPNORM, groupnorm } from "../../../kernels/groupnorm/mod.ts";
import { layernorm } from "../../../kernels/layernorm/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { deviceTest, sharedDevice } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

function filled(device: Device, length: number, value: number) {
  return device.tensor([length], new Float32Array(length).fill(value));
}

function normal(device: Device, ...shape: number[]) {
  return device.tensor(shape, new Philox(31, 1).normals(sizeOf(shape)));
}

deviceTest(ALL, "`groupnorm()` is `layernorm()` of rows that are groups", async (device) => {
  using _scope = device.scope();
  const x = normal(device, 2, 6, 5, 7);
  const y = groupnorm(x, 3, filled(device, 6, 1), filled(device, 6, 0));
  const rows = layernorm(reshape(x, [6, 70]));
  assertEquals(y.shape, [2, 6, 5, 7]);
  assertEquals(relativeError(await y.read(), await rows.read()) < 1e-6, true);
});

deviceTest(ALL, "`groupnorm()` uses weight and bias of the element's own channel", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 2, 2], Float32Array.of(-1, 1, -1, 1));
  const weight = device.tensor([2], Float32Array.of(1, 10));
  const bias = device.tensor([2], Float32Array.of(0, 100));
  const y = await groupnorm(x, 1, weight, bias, 0).read();
  [-1, 1, 90, 110].forEach((want, i) => assertAlmostEquals(y[i], want, 1e-4));
});

deviceTest(ALL, "`groupnorm()` adds eps to the variance", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 1, 2], Float32Array.of(-1, 1));
  const [low, high] = await groupnorm(x, 1, filled(device, 1, 1), filled(device, 1, 0), 3).read();
  assertAlmostEquals(low, -0.5, 1e-6);
  assertAlmostEquals(high, 0.5, 1e-6);
});

deviceTest(
  ALL,
  "`groupnorm()` keeps its digits when a million elements lie far from zero",
  async (device) => {
    using _scope = device.scope();
    const count = 1 << 20;
    const x = device.tensor([1, 1, count], Float32Array.from({ length: count }, (_, i) => 512 + (i % 2)));
    const y = await groupnorm(x, 1, filled(device, 1, 1), filled(device, 1, 0)).read();
    const want = 1 / Math.sqrt(1 + 4e-6);
    assertAlmostEquals(y[0], -want, 1e-6);
    assertAlmostEquals(y[count - 1], want, 1e-6);
  },
);

Deno.test("`groupnorm()` refuses groups that do not divide the channels", async () => {
  const device = await sharedDevice("reference");
  using _scope = device.scope();
  const x = normal(device, 1, 6, 2);
  const vector = filled(device, 6, 1);
  assertThrows(
    () => groupnorm(x, 4, vector, vector),
    ShapeError,
    "Cannot groupnorm f32[1, 6, 2] in 4 groups: wanted a divisor of its 6 channels",
  );
  assertThrows(() => groupnorm(x, 3, filled(device, 5, 1), vector), ShapeError, "f32[6] wanted");
  assertThrows(() => groupnorm(vector, 1, vector, vector), ShapeError, "got rank 1");
});

Deno.test("`groupnorm()` spreads a group of a million elements over workgroups", () => {
  const inputs = [f32(1, 16, 256, 256), f32(16), f32(16)];
  for (const software of [false, true]) {
    const limits = { ...DEFAULT_LIMITS, software };
    const { launches: [moments] } = GROUPNORM.webgpu(inputs, { groups: 1, eps: 1e-6 }, limits);
    assertEquals(moments.groups[0] >= 32, true, `${moments.groups[0]} workgroups`);
  }
});
