import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { MATMUL, type MatmulAttrs } from "../../../kernels/matmul/mod.ts";
import { matmulCpu } from "../../../kernels/matmul/cpu.ts";
import { available, deviceTest } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

async function product(
  device: Device,
  shapes: readonly number[][],
  attrs: MatmulAttrs,
): Promise<Float32Array<ArrayBuffer>> {
  using _scope = device.scope();
  const inputs = shapes.map((shape, i) => device.tensor(shape, new Philox(9, i).normals(sizeOf(shape))));
  return await device.execute(MATMUL, inputs, attrs)[0].read() as Float32Array<ArrayBuffer>;
}

deviceTest(["cpu"], "`matmul()` keeps its accuracy when K is long", async (device, oracle) => {
  for (const [rows, transB] of [[48, false], [3, false], [48, true], [3, true]] as const) {
    const shapes = [[rows, 4096], transB ? [40, 4096] : [4096, 40]];
    const attrs = { transA: false, transB };
    const error = relativeError(await product(device, shapes, attrs), await product(oracle, shapes, attrs));
    assert(error < 8e-7, `${rows} rows, transB ${transB}: error ${error}`);
  }
});

Deno.test({
  name: "`matmul()` gives the same bits when the number of threads changes [cpu]",
  ignore: !available.cpu,
  async fn() {
    const layouts = [
      { shapes: [[257, 300], [301, 300]], attrs: { transA: false, transB: true } },
      { shapes: [[300, 257], [300, 301]], attrs: { transA: true, transB: false } },
      { shapes: [[16, 2048], [2048, 513]], attrs: { transA: false, transB: false } },
      { shapes: [[15, 2048], [513, 2048]], attrs: { transA: false, transB: true } },
    ];
    using oracle = await openDevice("reference");
    using alone = await openDevice("cpu", { threads: 1 });
    using three = await openDevice("cpu", { threads: 3 });
    for (const { shapes, attrs } of layouts) {
      const result = await product(alone, shapes, attrs);
      assertEquals(await product(three, shapes, attrs), result);
      assert(relativeError(result, await product(oracle, shapes, attrs)) < 1e-6);
    }
  },
});

Deno.test("`matmulCpu()` packs B only when it is used often enough", () => {
  const calls = (m: number, transB: boolean) =>
    matmulCpu([f32(m, 64), transB ? f32(96, 64) : f32(64, 96)], { transA: false, transB })
      .calls.map(({ key }) => key.split(" ")[0]);
  assertEquals(calls(16, false), ["matmul"]);
  assertEquals(calls(16, true), ["matmul_dot"]);
  assertEquals(calls(512, true), ["matmul_pack", "matmul"]);
});
