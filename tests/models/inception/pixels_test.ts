import { assertEquals } from "@std/assert";
import { pixelsOf } from "../../../models/inception/mod.ts";

const pixels = (rule: Parameters<typeof pixelsOf>[1], ...values: number[]) => [
  ...pixelsOf(Float32Array.from(values), rule),
];

Deno.test("`pixelsOf()` rounds PNG bytes half to even", () => {
  assertEquals(pixels("png", 0, -1, 1), [128, 0, 255]);
  // Exactly 64.5 and 70.5 after the steps in f32.
  assertEquals(pixels("png", -0.4941176474094391, -0.4470588266849518), [64, 70]);
  assertEquals(pixels("png", -3, 3), [0, 255]);
});

Deno.test("`pixelsOf()` leaves fractions where nothing is rounded", () => {
  assertEquals(pixels("unrounded", -1, 0, 0.25, 1), [0.5, 128, 159.875, 255]);
});

Deno.test("`pixelsOf()` truncates as DiT and ADM do", () => {
  assertEquals(pixels("dit", -1, 0, 0.25, 1), [0, 128, 159, 255]);
  assertEquals(pixels("adm", -1, 0, 0.25, 1), [0, 127, 159, 255]);
});
