import { assert, assertEquals } from "@std/assert";
import { f32 } from "../../../engine/core/spec.ts";
import type { Kernel, Limits } from "../../../engine/kernel.ts";
import { ATTENTION, ATTENTION_BACKWARD } from "../../../kernels/attention/mod.ts";
import type { AttentionAttrs } from "../../../kernels/attention/geometry.ts";
import { suites } from "../../../kernels/attention/cases.ts";
import { attentionNaiveWebGpu } from "../../../kernels/attention/webgpu_scalar.ts";
import { deviceTest } from "../../devices.ts";
import { compareRuns, runCase } from "../conformance.ts";

const CHOSEN = ["one token", "packed, rotated in halves", "a window with sinks, grouped and rotated"];

function casesOf(kernel: Kernel<AttentionAttrs>) {
  return suites.find((suite) => suite.kernel === kernel)!.cases.filter(({ name }) => CHOSEN.includes(name));
}

deviceTest(["webgpu"], "`attention_naive.wgsl` agrees with the reference", async (device, oracle) => {
  const naive: Kernel<AttentionAttrs> = { ...ATTENTION, vjp: undefined, webgpu: attentionNaiveWebGpu };
  const cases = casesOf(ATTENTION);
  assertEquals(cases.length, CHOSEN.length);
  for (const test of cases) {
    const lines = compareRuns(await runCase(device, naive, test), await runCase(oracle, naive, test), 1e-5);
    assertEquals(lines, []);
  }
});

/** A copy of a kernel that believes in a small grid, so that few workgroups already spread over two dimensions. */
function onSmallGrid(kernel: Kernel<AttentionAttrs>): Kernel<AttentionAttrs> {
  const small = (limits: Limits): Limits => ({ ...limits, maxComputeWorkgroupsPerDimension: 2 });
  return {
    ...kernel,
    vjp: undefined,
    webgpu: (inputs, attrs, limits) => kernel.webgpu(inputs, attrs, small(limits)),
  };
}

for (const kernel of [ATTENTION, ATTENTION_BACKWARD]) {
  const title = `\`${kernel.name}\` finds its workgroup when the grid has two dimensions`;
  deviceTest(["webgpu"], title, async (device, oracle) => {
    const small = onSmallGrid(kernel);
    const test = casesOf(kernel).find(({ name }) => name === CHOSEN[2])!;
    const plan = small.webgpu(test.inputs, test.attrs, LIMITS);
    assert(plan.launches.slice(0, 3).every(({ groups }) => groups[1] > 1));
    assertEquals(
      compareRuns(await runCase(device, small, test), await runCase(oracle, small, test), 1e-5),
      [],
    );
  });
}

const LIMITS: Limits = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 134217728,
  maxStorageBuffersPerShaderStage: 8,
};

Deno.test("attention moves vectors where heads are whole vectors and partners an even distance apart", () => {
  const movesVectors = (headDim: number, block: number) => {
    const inputs = [f32(1, 64, 3, 1, headDim), ...(block > 0 ? [f32(2, 64, headDim)] : [])];
    const attrs = { packed: true, block, sinks: false, causal: false, window: 0 };
    return ATTENTION.webgpu(inputs, attrs, LIMITS).launches[0].source.includes("q: array<vec4f>");
  };
  for (const [headDim, block] of [[4, 0], [32, 16], [64, 2], [72, 36], [256, 4]]) {
    assert(movesVectors(headDim, block), `${headDim}, ${block}`);
  }
  for (const [headDim, block] of [[6, 0], [12, 6], [260, 0]]) {
    assert(!movesVectors(headDim, block), `${headDim}, ${block}`);
  }
});

Deno.test("attention fits 16 KiB of workgroup memory at every head size", () => {
  const attrs = { packed: true, block: 0, sinks: false, causal: false, window: 0 };
  for (const limits of [LIMITS, { ...LIMITS, software: true }]) {
    for (let headDim = 4; headDim <= 256; headDim += 4) {
      const [{ source }] = ATTENTION.webgpu([f32(1, 64, 3, 1, headDim)], attrs, limits).launches;
      const of = (name: string) => Number(source.match(new RegExp(`const ${name} = (\\d+);`))![1]);
      // The rest are the shares of the 8 lanes of each row.
      assert(16 * (of("LEFT_SIZE") + of("RIGHT_SIZE") + 8 * 2 * of("ROWS")) <= 16384, String(headDim));
    }
  }
});

Deno.test("attention binds at most 8 storage buffers a launch", () => {
  for (const { kernel, cases } of suites) {
    for (const { inputs, attrs } of cases) {
      for (const { bindings } of kernel.webgpu(inputs, attrs, LIMITS).launches) assert(bindings.length <= 8);
    }
  }
});
