import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import { embedding } from "../../../kernels/embedding/mod.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;
const TABLE = Float32Array.of(1, 2, 3, 4, 5, 6);

deviceTest(ALL, "`embedding()` takes rows, the nearest when an index is outside", async (device) => {
  using _scope = device.scope();
  const table = device.tensor([3, 2], TABLE);
  const rows = embedding(table, device.tensor([5], Int32Array.of(2, 0, 2, -7, 1000)));
  assertEquals(rows.shape, [5, 2]);
  assertEquals([...await rows.read()], [5, 6, 1, 2, 5, 6, 1, 2, 5, 6]);
});

deviceTest(
  ALL,
  "`embedding()` adds gradients of repeated rows and leaves zeros elsewhere",
  async (device) => {
    using _scope = device.scope();
    const table = device.tensor([3, 2], TABLE);
    const indices = device.tensor([3], Int32Array.of(2, 0, 2));
    const weight = device.tensor([3, 2], Float32Array.of(1, 10, 100, 1000, 2, 20));
    const { gradients } = valueAndGradients([table], () => sum(mul(embedding(table, indices), weight)));
    assertEquals([...await gradients[0]!.read()], [100, 1000, 0, 0, 3, 30]);
  },
);

deviceTest(["reference"], "`embedding()` names the inputs when they do not fit", (device) => {
  using _scope = device.scope();
  const table = device.tensor([3, 2], TABLE);
  assertThrows(() => embedding(table, device.tensor([1], new Float32Array(1))), DTypeError, "must be i32");
  assertThrows(() => embedding(table, device.tensor([1, 1], new Int32Array(1))), ShapeError, "i32[1, 1]");
});
