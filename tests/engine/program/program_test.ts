import { assertEquals, assertGreater, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DeviceError, NonFiniteError } from "../../../engine/core/errors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { checkFinite } from "../../../engine/program/nan_check.ts";
import { profileProgram } from "../../../engine/program/profiler.ts";
import { assign } from "../../../kernels/assign/mod.ts";
import { add, div, exp, mul, scale } from "../../../kernels/elementwise/mod.ts";
import { mean, sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(ALL, "`record()` gives what the same calls give eagerly, again and again", async (device) => {
  using _scope = device.scope();
  const x = device.persistent(f32(5), Float32Array.of(1, 2, 3, 4, 5));
  const body = () => ({ y: mul(add(x, x), exp(scale(x, -1))), total: sum(x) });
  const eager = body();
  using program = await device.record("twice", body);
  for (let run = 0; run < 3; run++) {
    x.write(Float32Array.of(run, 2, 3, 4, 5));
    program.run();
    assertEquals((await program.results.total.read())[0], 14 + run);
  }
  x.write(Float32Array.of(1, 2, 3, 4, 5));
  program.run();
  assertEquals(await program.results.y.read(), await eager.y.read());
  device.release(x);
});

deviceTest(ALL, "a program carries state from run to run through `assign()`", async (device) => {
  const z = device.persistent(f32(3), Float32Array.of(1, 2, 3));
  using program = await device.record("double", () => {
    assign(z, add(z, z));
    return {};
  });
  for (let run = 0; run < 4; run++) program.run();
  assertEquals(await z.read(), Float32Array.of(16, 32, 48));
  device.release(z);
});

deviceTest(
  ["cpu", "webgpu"],
  "1,000 replays allocate nothing, and disposing returns every byte",
  async (shared) => {
    using device = await openDevice(shared.kind);
    const before = device.memory();
    const x = device.persistent(f32(1000), new Float32Array(1000).fill(1));
    const program = await device.record("step", () => {
      assign(x, scale(add(x, mul(x, x)), 0.5));
      return { mean: mean(x) };
    });
    program.run();
    await device.finish();
    const first = device.memory();
    for (let step = 0; step < 1000; step++) program.run();
    await device.finish();
    assertEquals(device.memory(), first);
    assertEquals((await program.results.mean.read())[0], 1);
    program[Symbol.dispose]();
    device.release(x);
    assertEquals(device.memory().live, before.live);
  },
);

deviceTest(["reference"], "a tensor inside a program cannot be read from outside", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([2], Float32Array.of(1, 2));
  let inside = x;
  using _program = await device.record("inner", () => {
    inside = add(x, x);
    return { out: add(inside, x) };
  });
  assertThrows(() => inside.read(), DeviceError, "return it from record()");
});

deviceTest(["reference"], "a scope releases what it made, apart from what it kept", async (device) => {
  const live = device.memory().live;
  {
    using outer = device.scope();
    const x = device.tensor([4], Float32Array.of(1, 2, 3, 4));
    const kept = (() => {
      using scope = device.scope();
      add(x, x);
      return scope.keep(mul(x, x));
    })();
    assertEquals(await kept.read(), Float32Array.of(1, 4, 9, 16));
    assertEquals(device.memory().live, live + 32);
    outer.keep(kept);
  }
  assertEquals(device.memory().live, live + 16);
});

deviceTest(ALL, "`checkFinite()` names the first module that gives infinity", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([2], Float32Array.of(1, 2));
  const zero = device.tensor([2], new Float32Array(2));
  const body = () => device.within("blocks.3", () => add(device.within("attn", () => div(x, zero)), x));
  await assertRejects(
    () => checkFinite(device, body),
    NonFiniteError,
    'Module "blocks.3.attn" produced Infinity',
  );
  await checkFinite(device, () => add(x, x));
});

deviceTest(ALL, "`profileProgram()` times every call", async (device) => {
  const x = device.persistent(f32(256), new Float32Array(256));
  using program = await device.record("profiled", () => ({ y: exp(add(x, x)) }));
  const profile = await profileProgram(program);
  assertEquals(profile.calls.map((call) => call.kernel), ["add", "exp"]);
  assertGreater(profile.total, 0);
  assertStringIncludes(profile.table(), "GFLOP/s");
  assertEquals(JSON.parse(profile.chromeTrace()).traceEvents.length, 2);
  device.release(x);
});

deviceTest(
  ["reference"],
  "`Program.toString()` prints one line a call with module, kernel and specs",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([2, 3], new Float32Array(6));
    using program = await device.record("shown", () => device.within("head", () => ({ y: add(x, x) })));
    const lines = program.toString().split("\n");
    assertEquals(lines.length, 2);
    assertStringIncludes(lines[1], "head");
    assertStringIncludes(lines[1], "add(f32[2, 3], f32[2, 3]) -> f32[2, 3]");
  },
);
