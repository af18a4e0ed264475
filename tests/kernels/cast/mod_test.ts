import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { DeviceError, DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import { cast, castAll } from "../../../kernels/cast/mod.ts";
import { add } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { linear, matmul } from "../../../kernels/matmul/mod.ts";
import { mean } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

deviceTest(
  ["reference", "webgpu"],
  "`cast()` rounds to f16 and back, and leaves what fits alone",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([3], Float32Array.of(1 / 3, 1e6, 2));
    const half = cast(x, "f16");
    assertEquals(Array.from(await half.read()), [0.333251953125, Infinity, 2]);
    assertEquals(await cast(half, "f32").read(), Float32Array.of(0.333251953125, Infinity, 2));
    assertStrictEquals(cast(x, "f32"), x);
    const counts = device.tensor([1], Int32Array.of(1));
    assertStrictEquals(cast(counts, "i32"), counts);
    assertThrows(
      () => cast(counts, "f16"),
      DTypeError,
      "Cannot cast: input 0 must be f32 or f16, got i32[1]",
    );
    assertThrows(() => castAll([], "f16"), ShapeError, "at least 1 tensor wanted");
  },
);

deviceTest(
  ["reference", "webgpu"],
  "gradients of half-precision weights are f32, those of activations f16",
  (device) => {
    using _scope = device.scope();
    const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    const master = device.tensor([4, 8], values(32));
    const [weight, x] = [cast(master, "f16"), cast(device.tensor([3, 8], values(24)), "f16")];
    const bias = device.tensor([4], values(4));
    const outputs = () => add(linear(x, weight, bias), matmul(x, weight, { transB: true }));
    assertEquals(`${outputs()}`, "f16[3, 4]");
    const { gradients } = valueAndGradients([weight, x, bias], () => mean(outputs()));
    assertEquals(gradients.map(String), ["f32[4, 8]", "f16[3, 8]", "f32[4]"]);
    const through = valueAndGradients([master], () => mean(linear(x, cast(master, "f16"))));
    assertEquals(through.gradients.map(String), ["f32[4, 8]"]);
  },
);

deviceTest(["cpu"], "the cpu device refuses f16 in one sentence", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([2], Float32Array.of(1, 2));
  const message =
    'Cannot run kernel "cast" on the cpu device: f16[2] is given, and tensors of f16 are for a webgpu device';
  assertThrows(
    () => device.within("blocks.0", () => cast(x, "f16")),
    DeviceError,
    message.replace(":", ' in "blocks.0":'),
  );
  await assertRejects(() => device.record("half", () => ({ y: cast(x, "f16") })), DeviceError, message);
});
