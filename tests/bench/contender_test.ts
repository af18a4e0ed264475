import { assert, assertEquals } from "@std/assert";
import { type Contender, DeviceContender, interleave, medianOf } from "../../bench/contender.ts";
import { kernelJob, productJob } from "../../bench/jobs.ts";
import { f32 } from "../../engine/core/spec.ts";
import { ELEMENTWISE } from "../../kernels/elementwise/mod.ts";
import { deviceTest } from "../devices.ts";

function recorded(name: string, log: string[], milliseconds: readonly number[], slow = 0): Contender {
  let round = 0;
  return {
    name,
    async round() {
      log.push(name);
      if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow));
      return milliseconds[round++ % milliseconds.length];
    },
    [Symbol.dispose]() {},
  };
}

Deno.test("`interleave()` takes the contenders in turn, and keeps all their times", async () => {
  const log: string[] = [];
  const rounds = await interleave([recorded("a", log, [3, 1, 2]), recorded("b", log, [5])], 3, 1000);
  assertEquals(log, ["a", "b", "a", "b", "a", "b"]);
  assertEquals(rounds, { a: [3, 1, 2], b: [5, 5, 5] });
  assertEquals([medianOf(rounds, "a"), medianOf(rounds, "b"), medianOf(rounds, "c")], [2, 5, NaN]);
});

Deno.test("`interleave()` lets a slow contender sit out every second round", async () => {
  const log: string[] = [];
  await interleave([recorded("a", log, [1]), recorded("b", log, [1], 20)], 4, 10);
  assertEquals(log, ["a", "b", "a", "a", "b", "a"]);
});

deviceTest(
  ["reference", "cpu"],
  "`DeviceContender` times a job and counts its operations",
  async (device) => {
    const product = productJob({ m: 4, n: 6, k: 8, transA: true, transB: false });
    assertEquals(product.name, "4x6x8 TN");
    for (
      const [job, flops] of [[product, 2 * 4 * 6 * 8], [
        kernelJob("add", ELEMENTWISE.add, [f32(5), f32(5)]),
        5,
      ]] as const
    ) {
      using contender = await DeviceContender.open("this", device, job, 0.01);
      assertEquals(contender.flops, flops);
      assert(await contender.round() > 0);
    }
  },
);
