import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import { TOP_K, TOP_K_BACKWARD, topK } from "../../../kernels/moe/top_k/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(ALL, "`topK()` gives ascending places, and the lower one where numbers tie", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([3, 4], Float32Array.of(1, 4, 3, 4, 0, 0, 0, 0, -1, -3, -2, -4));
  const { indices, values } = topK(x, 2);
  assertEquals([...await indices.read()], [1, 3, 0, 1, 0, 2]);
  assertEquals([...await values.read()], [4, 4, 0, 0, -1, -2]);
});

deviceTest(ALL, "`topK()` keeps k different places when numbers are NaN", async (device) => {
  using _scope = device.scope();
  const { indices } = topK(device.tensor([1, 3], new Float32Array(3).fill(NaN)), 2);
  assertEquals(new Set(await indices.read()).size, 2);
});

Deno.test("`topK()` refuses shapes and numbers that do not fit", () => {
  const wrong: readonly [() => unknown, string][] = [
    [() => TOP_K.infer([f32(4)], { k: 1 }), "Cannot top_k f32[4]: f32[T, E] is wanted"],
    [() => TOP_K.infer([f32(2, 257)], { k: 1 }), "at most 256 columns are wanted"],
    [() => TOP_K.infer([f32(2, 4)], { k: 5 }), "k must be a whole number from 1 to 4, got 5"],
    [() => TOP_K.infer([f32(2, 4)], { k: 0 }), "k must be a whole number from 1 to 4, got 0"],
    [
      () => TOP_K_BACKWARD.infer([i32(2, 3), f32(2, 2)], { width: 4 }),
      "Cannot top_k_backward i32[2, 3], f32[2, 2] to 4",
    ],
  ];
  for (const [body, message] of wrong) assertThrows(body, ShapeError, message);
});
