import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { patchify, unpatchify } from "../../../kernels/patchify/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

// One image of 2 channels, 2 rows, 4 columns: two patches. Tens digit = channel, units digit = pixel.
const IMAGE = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17);

deviceTest(ALL, "`patchify()` puts the channel slowest when the order is chw", async (device) => {
  using _scope = device.scope();
  const y = patchify(device.tensor([1, 2, 2, 4], IMAGE), 2, "chw");
  assertEquals(y.shape, [1, 2, 8]);
  assertEquals([...await y.read()], [0, 1, 4, 5, 10, 11, 14, 15, 2, 3, 6, 7, 12, 13, 16, 17]);
});

deviceTest(ALL, "`patchify()` puts the channel fastest when the order is hwc", async (device) => {
  using _scope = device.scope();
  const y = patchify(device.tensor([1, 2, 2, 4], IMAGE), 2, "hwc");
  assertEquals([...await y.read()], [0, 10, 1, 11, 4, 14, 5, 15, 2, 12, 3, 13, 6, 16, 7, 17]);
});

for (const order of ["chw", "hwc"] as const) {
  deviceTest(ALL, `\`unpatchify()\` undoes \`patchify()\` when the order is ${order}`, async (device) => {
    using _scope = device.scope();
    const x = device.tensor([2, 3, 6, 9], Float32Array.from({ length: 324 }, (_, i) => i));
    const back = unpatchify(patchify(x, 3, order), 3, 6, 9, 3, order);
    assertEquals(back.shape, x.shape);
    assertEquals(await back.read(), await x.read());
  });
}

deviceTest(["reference"], "`patchify()` and `unpatchify()` name the sizes when they do not fit", (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 2, 2, 4], IMAGE);
  assertThrows(() => patchify(x, 4, "chw"), ShapeError, "height 2 and width 4 must be multiples of it");
  const rows = device.tensor([1, 2, 8], IMAGE);
  const message = "Cannot unpatchify f32[1, 2, 8] to f32[1, 2, 4, 4]: f32[1, 4, 8] is wanted";
  assertThrows(() => unpatchify(rows, 2, 4, 4, 2, "hwc"), ShapeError, message);
  assertThrows(() => patchify(rows, 2, "chw"), ShapeError, "f32[B, C, H, W] is wanted");
});
