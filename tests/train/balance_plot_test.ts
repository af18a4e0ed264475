import { assertAlmostEquals, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { DataError } from "../../engine/core/errors.ts";
import { decodePng } from "../../eval/mod.ts";
import { balancePlot, worstLoadRatio } from "../../train/balance_plot.ts";
import { balanceOf } from "../../train/metrics_log.ts";

function record(step: number, ...layers: number[][]) {
  return { step, experts: layers.map((counts, i) => ({ layer: `blocks.${i}`, ...balanceOf(counts) })) };
}

Deno.test("`worstLoadRatio()` is the largest load over the mean, in the worst layer", () => {
  assertAlmostEquals(worstLoadRatio(record(1, [2, 2, 4, 0], [3, 3, 3, 3])), 2, 1e-12);
  assertEquals(worstLoadRatio(record(1)), 0);
});

Deno.test("`balancePlot()` draws a line for each run, which falls where the load evens out", async () => {
  const steps = Array.from({ length: 30 }, (_, i) => 10 * (i + 1));
  const even = steps.map((step) => record(step, [300 - step + 10, 10, 10, 10]));
  const skewed = steps.map((step) => record(step, [300, 10, 10, 10]));
  const series = [{ name: "rule", records: even }, { name: "none", records: skewed }];
  const { width, height, rgba } = decodePng(await balancePlot(series, { target: 1.5 }), "plot");
  const rows = (x: number, color: readonly number[]) =>
    Array.from({ length: height }, (_, y) => y).filter((y) =>
      color.every((value, channel) => Math.abs(rgba[(y * width + x) * 4 + channel] - value) < 24)
    );
  const [blue, orange] = [[0x1d, 0x4e, 0xd8], [0xd9, 0x77, 0x06]];
  assertGreater(rows(1500, blue)[0], rows(400, blue)[0] + 100);
  assertEquals(rows(1500, orange)[0], rows(400, orange)[0]);
});

Deno.test("`balancePlot()` refuses runs without a routed layer", async () => {
  await assertRejects(
    () => balancePlot([{ name: "dense", records: [record(1)] }]),
    DataError,
    "none in 1 runs",
  );
});
