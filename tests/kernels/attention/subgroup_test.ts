import { assert, assertEquals } from "@std/assert";
import { f32 } from "../../../engine/core/spec.ts";
import { DEFAULT_LIMITS } from "../../../engine/device/null_backend.ts";
import type { Kernel, Limits } from "../../../engine/kernel.ts";
import { suites } from "../../../kernels/attention/cases.ts";
import type { AttentionAttrs } from "../../../kernels/attention/geometry.ts";
import { ATTENTION, ATTENTION_BACKWARD } from "../../../kernels/attention/mod.ts";
import { unrolled } from "../../../kernels/attention/unroll.ts";
import { deviceTest } from "../../devices.ts";
import { compareRuns, runCase } from "../conformance.ts";

const SUBGROUPS: Limits = { ...DEFAULT_LIMITS, software: true, subgroup: 8 };

/** Cases of vectors: packed and apart, with and without a rotation, one tile and several. */
const CHOSEN = [
  "packed, a prime number of tokens",
  "packed, rotated as neighbours, causal",
  "wide heads, halves of eighteen pairs",
  "a window with sinks, grouped and rotated",
];

for (const kernel of [ATTENTION, ATTENTION_BACKWARD] as Kernel<AttentionAttrs>[]) {
  deviceTest(
    ["webgpu"],
    `\`${kernel.name}\` agrees with the reference without subgroups`,
    async (device, oracle) => {
      const plain: Kernel<AttentionAttrs> = {
        ...kernel,
        vjp: undefined,
        webgpu: (inputs, attrs, limits) => kernel.webgpu(inputs, attrs, { ...limits, subgroup: undefined }),
      };
      const cases = suites.find((suite) => suite.kernel === kernel)!.cases
        .filter(({ name }) => CHOSEN.includes(name));
      assertEquals(cases.length, CHOSEN.length);
      for (const test of cases) {
        assertEquals(
          compareRuns(await runCase(device, plain, test), await runCase(oracle, plain, test), 1e-5),
          [],
        );
      }
    },
  );
}

function launchesOf(headDim: number, block: number, limits: Limits) {
  const inputs = [f32(2, 64, 3, 1, headDim), ...(block > 0 ? [f32(2, 64, headDim)] : [])];
  const attrs = { packed: true, block, sinks: false, causal: false, window: 0 };
  return ATTENTION.webgpu(inputs, attrs, limits).launches;
}

Deno.test("attention shuffles vectors in subgroups of 8 on software adapters, without workgroup memory", () => {
  const shuffles = (headDim: number, limits: Limits) =>
    launchesOf(headDim, 0, limits).some(({ source }) => source.includes("subgroupShuffle"));
  assert(shuffles(32, SUBGROUPS));
  assert(!launchesOf(32, 0, SUBGROUPS)[0].source.includes("var<workgroup>"));
  assert(!shuffles(6, SUBGROUPS));
  for (const other of [{ subgroup: 4 }, { subgroup: 16 }, { subgroup: undefined }, { software: false }]) {
    assert(!shuffles(32, { ...SUBGROUPS, ...other }), JSON.stringify(other));
  }
});

Deno.test("attention turns q and k in a launch of its own where subgroups shuffle", () => {
  assertEquals(launchesOf(32, 16, SUBGROUPS).length, 2);
  assertEquals(launchesOf(32, 0, SUBGROUPS).length, 1);
  assertEquals(launchesOf(32, 16, { ...SUBGROUPS, subgroup: undefined }).length, 1);
});

Deno.test("attention in subgroups binds at most 8 storage buffers a launch", () => {
  for (const { kernel, cases } of suites) {
    for (const { inputs, attrs } of cases) {
      for (const { bindings } of kernel.webgpu(inputs, attrs, SUBGROUPS).launches) {
        assert(bindings.length <= 8);
      }
    }
  }
});

Deno.test("`unrolled()` writes out loops over registers, nested ones too, and leaves the others", () => {
  const text = "for (var r = 0u; r < ROWS; r++) { a(r); }";
  assertEquals(unrolled(text, {}), text);
  assertEquals(
    unrolled(`b(); ${text} c();`, { ROWS: 2 }),
    "b(); { const r = 0u;  a(r); }\n{ const r = 1u;  a(r); } c();",
  );
  const nested = "for (var s = 0u; s < PAIRS * ROWS; s++) { for (var d = 0u; d < WIDTH; d++) { " + text +
    " } }";
  const written = unrolled(nested, { PAIRS: 2, ROWS: 3 });
  assertEquals(written.match(/const s = \du;/g)?.length, 6);
  assertEquals(written.match(/for \(var d = 0u; d < WIDTH; d\+\+\)/g)?.length, 6);
  assertEquals(written.match(/a\(r\)/g)?.length, 18);
});
