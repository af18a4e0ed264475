import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import type { Device } from "../../../engine/device/device.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { resizeBilinear, resizeNearest } from "../../../kernels/resize/mod.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { deviceTest, sharedDevice } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

/** A row of 0, 10, 20. */
function row(device: Device): Tensor {
  return device.tensor([1, 1, 1, 3], Float32Array.of(0, 10, 20));
}

async function assertClose(y: Tensor, want: readonly number[]): Promise<void> {
  const got = await y.read();
  assertEquals(got.length, want.length);
  want.forEach((value, i) => assertAlmostEquals(got[i], value, 1e-5));
}

deviceTest(ALL, "`resizeNearest()` takes the element at floor(i * in / out)", async (device) => {
  using _scope = device.scope();
  await assertClose(resizeNearest(row(device), 1, 6), [0, 0, 10, 10, 20, 20]);
  await assertClose(resizeNearest(row(device), 2, 5), [0, 0, 10, 10, 20, 0, 0, 10, 10, 20]);
  await assertClose(resizeNearest(row(device), 1, 2), [0, 10]);
});

deviceTest(ALL, "`resizeBilinear()` places centres when the convention is half_pixel", async (device) => {
  using _scope = device.scope();
  await assertClose(resizeBilinear(row(device), 1, 6, "half_pixel"), [0, 2.5, 7.5, 12.5, 17.5, 20]);
  await assertClose(resizeBilinear(row(device), 1, 5, "half_pixel"), [0, 4, 10, 16, 20]);
});

deviceTest(ALL, "`resizeBilinear()` places corners when the convention is tf1", async (device) => {
  using _scope = device.scope();
  await assertClose(resizeBilinear(row(device), 1, 6, "tf1"), [0, 5, 10, 15, 20, 20]);
  await assertClose(resizeBilinear(row(device), 1, 2, "tf1"), [0, 15]);
});

deviceTest(ALL, "`resizeBilinear()` returns the very bits when the size stays", async (device) => {
  using _scope = device.scope();
  const data = new Philox(7, 1).normals(2 * 5 * 7);
  const x = device.tensor([1, 2, 5, 7], data);
  for (const convention of ["half_pixel", "tf1"] as const) {
    assertEquals(await resizeBilinear(x, 5, 7, convention).read(), data);
  }
});

deviceTest(ALL, "backward of a resize is its adjoint", async (device) => {
  using _scope = device.scope();
  const [shape, height, width] = [[2, 3, 9, 5], 4, 13] as const;
  const normals = (stream: number, count: number) => new Philox(9, stream).normals(count);
  const x = device.tensor(shape, normals(1, sizeOf(shape)));
  const g = device.tensor([2, 3, height, width], normals(2, 6 * height * width));
  const resizes = [
    () => resizeNearest(x, height, width),
    () => resizeBilinear(x, height, width, "half_pixel"),
    () => resizeBilinear(x, height, width, "tf1"),
  ];
  for (const resize of resizes) {
    const { loss, gradients: [dx] } = valueAndGradients([x], () => sum(mul(resize(), g)));
    // <R x, g> = <x, R^T g>, for any linear R.
    const [left] = await loss.read();
    const [right] = await sum(mul(x, dx!)).read();
    assertAlmostEquals(left, right, 1e-4);
  }
});

Deno.test("`resizeBilinear()` refuses sizes that are no sizes", async () => {
  const device = await sharedDevice("reference");
  using _scope = device.scope();
  assertThrows(() => resizeBilinear(row(device), 0, 4, "tf1"), ShapeError, "whole numbers from 1 to 16384");
  assertThrows(
    () => resizeNearest(device.tensor([3], new Float32Array(3)), 1, 2),
    ShapeError,
    "Cannot resize_nearest f32[3]: f32[B, C, H, W] wanted",
  );
});
