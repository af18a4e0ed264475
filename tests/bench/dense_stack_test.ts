import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { DENSE_STACK_LOSSES, DenseStack, denseStackValues } from "../../bench/dense_stack.ts";
import { deviceTest } from "../devices.ts";

/** Rounding of the published losses, and the error that is allowed beside it. */
const ROUNDING = 5e-7, ERROR = 1e-6;

deviceTest(["cpu"], "`DenseStack` reproduces PyTorch's losses of the first three steps", async (device) => {
  const stack = new DenseStack(device);
  using program = await device.record("dense stack", () => stack.step());
  for (const want of DENSE_STACK_LOSSES) {
    program.run();
    const [loss] = await program.results.loss.read();
    assertAlmostEquals(loss, want, ERROR + ROUNDING);
  }
  const { flops } = program.cost();
  assert(flops > 10.5e9 && flops < 11e9);
});

Deno.test("`denseStackValues()` gives the values of the generator that all engines share", () => {
  const { blocks, x, c, y } = denseStackValues();
  // By hand: (7919 * 1664525 + 1013904223 mod 2^32) / 2^32 - 0.5, times 2 / sqrt(128).
  const state = (Math.imul(7919, 1664525) + 1013904223) >>> 0;
  assertAlmostEquals(blocks[0].Wqkv.data[0], (state / 2 ** 32 - 0.5) * 2 / Math.sqrt(128), 1e-8);
  assertEquals(blocks.map((block) => Object.keys(block).length), [10, 10, 10, 10]);
  assertEquals([x.shape, c.shape, y.shape], [[32, 64, 128], [32, 128], [32, 64, 128]]);
  assert(x.data.every((value) => Math.abs(value) <= 1.7));
  assert(blocks[3].W2.data.every((value) => Math.abs(value) <= 1 / Math.sqrt(512)));
  assert(blocks[1].W2.data[0] !== blocks[2].W2.data[0]);
});
