import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../../engine/core/errors.ts";
import { Philox } from "../../../../engine/core/random.ts";
import { f32, i32 } from "../../../../engine/core/spec.ts";
import { DEFAULT_LIMITS } from "../../../../engine/device/null_backend.ts";
import type { Kernel } from "../../../../engine/kernel.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import { valueAndGradients } from "../../../../kernels/grad.ts";
import { sum } from "../../../../kernels/reduce/mod.ts";
import {
  GROUPED_MATMUL,
  GROUPED_MATMUL_OUTER,
  groupedMatmul,
} from "../../../../kernels/moe/grouped_matmul/mod.ts";
import { dispatch } from "../../../../kernels/moe/histogram_scan/mod.ts";
import { deviceTest } from "../../../devices.ts";
import { relativeError } from "../../tolerance.ts";

const [N, K, EXPERTS, TILE] = [20, 12, 3, 8];
/** Expert 1 gets nothing. */
const INDICES = Int32Array.from({ length: 22 }, (_, i) => i % 5 === 0 ? 0 : 2);

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`groupedMatmul()` multiplies each row by its own expert's weight when the plan comes from `dispatch()`",
  async (device) => {
    using _scope = device.scope();
    const plan = dispatch(device.tensor([INDICES.length, 1], INDICES), EXPERTS, TILE);
    const data = new Philox(1, 1).normals(plan.rows * K), weights = new Philox(1, 2).normals(EXPERTS * N * K);
    const x = device.tensor([plan.rows, K], data), weight = device.tensor([EXPERTS, N, K], weights);
    const y = await groupedMatmul(x, weight, plan).read();
    const slot = await plan.slot.read();
    const want = Float32Array.from({ length: plan.rows * N }, (_, at) => {
      const [row, n] = [Math.floor(at / N), at % N];
      if (slot[row] < 0) return 0;
      const from = (INDICES[slot[row]] * N + n) * K;
      return weights.subarray(from, from + K).reduce((total, w, k) => total + w * data[row * K + k], 0);
    });
    assert(relativeError(y, want) < 1e-6);
    assert(slot.some((pair, row) => pair < 0 && y[row * N] === 0));
  },
);

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`groupedMatmul()` gives zero gradients when an expert has no rows, and to padding rows",
  async (device) => {
    using _scope = device.scope();
    const plan = dispatch(device.tensor([INDICES.length, 1], INDICES), EXPERTS, TILE);
    const x = device.tensor([plan.rows, K], new Float32Array(plan.rows * K).fill(1));
    const weight = device.tensor([EXPERTS, N, K], new Float32Array(EXPERTS * N * K).fill(1));
    const { gradients: [dx, dWeight] } = valueAndGradients(
      [x, weight],
      () => sum(groupedMatmul(x, weight, plan)),
    );
    const slot = await plan.slot.read(), rows = await dx!.read();
    slot.forEach((pair, row) => assertEquals(rows[row * K], pair < 0 ? 0 : N));
    const perExpert = (await dWeight!.read()).filter((_, i) => i % (N * K) === 0);
    assertEquals([...perExpert], [5, 0, 17]);
  },
);

Deno.test("`groupedMatmul()` names the operands when inner dimensions differ", () => {
  assertThrows(
    () =>
      GROUPED_MATMUL.infer([f32(16, 10), f32(2, 5, 12), i32(2), i32(3), i32(2)], {
        tile: 8,
        transposeWeight: true,
      }),
    ShapeError,
    "Cannot grouped_matmul f32[16, 10] by f32[2, 5, 12]: inner dimensions must match, got 10 and 12",
  );
});

Deno.test("`groupedMatmul()` refuses a plan of other sizes", () => {
  const attrs = { tile: 8, transposeWeight: true };
  assertThrows(
    () => GROUPED_MATMUL.infer([f32(16, 12), f32(2, 5, 12), i32(3), i32(4), i32(2)], attrs),
    ShapeError,
    "i32[2] counts and i32[3] offsets wanted, got i32[3] and i32[4]",
  );
  assertThrows(
    () => GROUPED_MATMUL.infer([f32(16, 12), f32(2, 5, 12), i32(2), i32(3), i32(4)], attrs),
    ShapeError,
    "i32[16 / tile] wanted for a tile of 8, got i32[4]",
  );
});

Deno.test("`GROUPED_MATMUL_OUTER` costs 2 R M N operations", () => {
  const cost = GROUPED_MATMUL_OUTER.cost([f32(16, 3), f32(16, 5), i32(2), i32(3)], {});
  assertEquals(cost, { flops: 2 * 16 * 3 * 5, bytesRead: 4 * (48 + 80 + 5), bytesWritten: 4 * 2 * 15 });
});

/** The kernel as on an adapter that binds no more than `most` bytes at once. */
function limitedTo<A>(kernel: Kernel<A>, most: number): Kernel<A> {
  return {
    ...kernel,
    webgpu: (inputs, attrs, limits) =>
      kernel.webgpu(inputs, attrs, { ...limits, maxStorageBufferBindingSize: most }),
  };
}

deviceTest(
  ["webgpu"],
  "grouped products give the same bits when the experts are bound a few at a time",
  async (device) => {
    using _scope = device.scope();
    const [E, n, k, tile] = [3, 24, 32, 8];
    const indices = Int32Array.from({ length: 61 }, (_, i) => [2, 0, 2, 2, 2][i % 5]);
    const plan = dispatch(device.tensor([indices.length, 1], indices), E, tile);
    const normals = (stream: number, ...shape: number[]) =>
      device.tensor(shape, new Philox(4, stream).normals(shape.reduce((size, extent) => size * extent)));
    const { counts, offsets, tileExpert } = plan;
    const [x, weight, y] = [normals(1, plan.rows, k), normals(2, E, n, k), normals(3, plan.rows, n)];
    const forward = [x, weight, counts, offsets, tileExpert];
    const back = [y, weight, counts, offsets, tileExpert];
    const products = (most: number) => [
      ...device.execute(limitedTo(GROUPED_MATMUL, most), forward, { tile, transposeWeight: true }),
      ...device.execute(limitedTo(GROUPED_MATMUL, most), back, { tile, transposeWeight: false }),
      ...device.execute(limitedTo(GROUPED_MATMUL_OUTER, most), [y, x, counts, offsets], {}),
    ];
    const read = (tensors: readonly Tensor[]) => Promise.all(tensors.map((tensor) => tensor.read()));
    const whole = await read(products(2 ** 27));
    const expert = 4 * n * k;
    assertEquals(await read(products(2 * expert + 100)), whole);
  },
);

Deno.test("grouped products take a launch for each range of experts that can be bound", () => {
  const inputs = [f32(40, 32), f32(5, 24, 32), i32(5), i32(6), i32(5)];
  const expert = 4 * 24 * 32;
  const launches = (most: number) =>
    limitedTo(GROUPED_MATMUL, most).webgpu(inputs, { tile: 8, transposeWeight: true }, DEFAULT_LIMITS)
      .launches;
  assertEquals([5 * expert, 5 * expert - 1, 2 * expert, expert].map((most) => launches(most).length), [
    1,
    2,
    3,
    5,
  ]);
  assertEquals(launches(2 * expert)[2].bindings[1], { slot: 1, offset: 4 * expert, size: expert });
});
