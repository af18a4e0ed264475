import { assert, assertAlmostEquals, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { DataError } from "../../engine/core/errors.ts";
import { decodePng, type RgbaImage } from "../../eval/mod.ts";
import { lossPlot, smooth } from "../../train/loss_plot.ts";

const BLUE = [0x1d, 0x4e, 0xd8];
const ORANGE = [0xd9, 0x77, 0x06];

/** Rows of the picture where column `x` has nearly the colour. */
function rowsOfColor({ width, height, rgba }: RgbaImage, x: number, color: readonly number[]): number[] {
  return Array.from({ length: height }, (_, y) => y).filter((y) => {
    const at = (y * width + x) * 4;
    return color.every((value, channel) => Math.abs(rgba[at + channel] - value) < 24);
  });
}

const falling = Array.from({ length: 400 }, (_, i) => ({ step: i + 1, loss: 2 - i / 250, lr: 1e-3 }));

Deno.test("`lossPlot()` draws a falling loss as a line that falls from left to right", async () => {
  const picture = decodePng(await lossPlot(falling), "plot");
  assertEquals([picture.width, picture.height], [1600, 900]);
  const columns = [300, 700, 1100, 1400].map((x) => rowsOfColor(picture, x, BLUE));
  assert(columns.every((rows) => rows.length > 0), "the smooth line is missing");
  columns.slice(1).forEach((rows, i) => assertGreater(rows[0], columns[i][0]));
});

Deno.test("`lossPlot()` draws the learning rate only when asked", async () => {
  const orange = (picture: RgbaImage) => rowsOfColor(picture, 800, ORANGE).length;
  const without = decodePng(await lossPlot(falling), "plot");
  const with_ = decodePng(await lossPlot(falling, { showLearningRate: true, width: 1600 }), "plot");
  assertEquals(orange(without), 0);
  assertGreater(orange(with_), 0);
});

Deno.test("`lossPlot()` leaves out losses that are not finite, and refuses when none is left", async () => {
  const broken = [...falling, { step: 401, loss: NaN, lr: 1e-3 }];
  assertEquals(await lossPlot(broken), await lossPlot(falling));
  await assertRejects(() => lossPlot([{ step: 1, loss: Infinity }]), DataError, "got none in 1 records");
  await assertRejects(() => lossPlot([]), DataError, "got none in 0 records");
});

Deno.test("`lossPlot()` draws a single record and 50,000 records", async () => {
  const long = Array.from(
    { length: 50_000 },
    (_, i) => ({ step: i, loss: 1 + Math.sin(i / 9) / (1 + i / 1000) }),
  );
  for (const records of [[{ step: 1, loss: 2 }], long]) {
    assertEquals(decodePng(await lossPlot(records, { width: 400, height: 300 }), "plot").width, 400);
  }
});

Deno.test("`smooth()` keeps a constant and a straight line until the window leaves the end", () => {
  smooth(new Array(20).fill(3), 7).forEach((value) => assertAlmostEquals(value, 3, 1e-12));
  const line = Array.from({ length: 20 }, (_, i) => 2 * i);
  smooth(line, 7).slice(0, 17).forEach((value, i) => assertAlmostEquals(value, line[i], 1e-12));
});

Deno.test("`smooth()` averages over the window", () => {
  assertEquals(smooth([0, 3, 0, 3, 0, 6], 3), [0, 1, 2, 1, 3, 3]);
});
