import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { benchDevice, main } from "../../bench/main.ts";
import { median, timeWorkload } from "../../bench/measure.ts";
import { fractionOfRoofline } from "../../bench/roofline.ts";
import { findSuites, inputValues, narrow } from "../../bench/suites.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import { captured } from "../output.ts";
import { deviceTest } from "../devices.ts";

Deno.test("`findSuites()` finds the kernels of every folder, those that launch nothing excepted", async () => {
  const suites = await findSuites();
  const folders = suites.map(({ folder }) => folder);
  for (const folder of ["matmul", "moe/router", "adamw"]) assert(folders.includes(folder), folder);
  assertEquals(suites.filter(({ kernel }) => kernel.alias), []);
});

Deno.test("`narrow()` takes names of kernels and of folders, and refuses others", async () => {
  const suites = await findSuites();
  const names = (list: string[]) => narrow(suites, list).map(({ kernel }) => kernel.name);
  assertEquals(names(["softmax_backward"]), ["softmax_backward"]);
  assertEquals(names(["softmax", "router"]).includes("softmax_backward"), true);
  assertEquals(narrow(suites, undefined), suites);
  const { message } = assertThrows(() => narrow(suites, ["matmul", "matnul"]), ConfigError);
  assertMatch(message, /^Cannot find kernel "matnul": wanted .*matmul/);
});

Deno.test("`median()` takes the middle", () => {
  assertEquals([median([3, 1, 2]), median([4, 1, 3, 2]), median([5])], [2, 2.5, 5]);
});

Deno.test("`fractionOfRoofline()` compares with the slower of arithmetic and memory", () => {
  const roofline = { flops: 2e9, flopsBy: "", bandwidth: 1e9, bandwidthBy: "" };
  const cost = { flops: 4000, bytesRead: 600, bytesWritten: 400 };
  assertAlmostEquals(fractionOfRoofline(cost, 4, roofline), 0.5);
  assertAlmostEquals(fractionOfRoofline({ ...cost, bytesRead: 4600 }, 10, roofline), 0.5);
});

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`timeWorkload()` times a kernel that writes in place, and leaves no memory",
  async (device) => {
    const [{ kernel, cases }] = narrow(await findSuites(), ["adamw"]);
    const workload = {
      kernel,
      inputs: cases[0].inputs,
      values: inputValues(cases[0]),
      attrs: cases[0].attrs,
    };
    const before = device.memory().live;
    const timing = await timeWorkload(device, workload, 0.01, 3);
    assert(timing.microseconds > 0 && timing.repeats >= 1);
    assertEquals(timing.clock, device.backend.profile ? "timestamps" : "wall");
    assertEquals(device.memory().live, before);
  },
);

Deno.test("`benchDevice()` gives one result for every case", async () => {
  const suites = narrow(await findSuites(), ["balance"]);
  const { device, results, roofline } = await benchDevice("reference", suites);
  assertEquals(device, "reference");
  assertEquals(
    results.map((result) => result.case),
    suites.flatMap(({ cases }) => cases.map(({ name }) => name)),
  );
  assert(roofline.flops > 0 && roofline.bandwidth > 0);
});

Deno.test("`bench` refuses an unknown kernel or device in one line", async () => {
  const wrong = [
    ["--kernels", "matnul"],
    ["--device", "gpu"],
    ["--kernels", "add", "--threads", "0"],
    ["matmul"],
    ["--device", "cpu", "--groups", "gems"],
    ["--device", "reference", "--groups", "gemm"],
    ["--device", "cpu", "--kernels", "matmul", "--peers"],
  ];
  for (const args of wrong) {
    const { value, out, err } = await captured(() => main(args));
    assertEquals([value, out], [1, ""]);
    assertMatch(err, /^error: [^\n]+\n$/);
  }
});
