import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import { dopri5 } from "../../../eval/samplers/dopri5.ts";

const TIGHT = { rtol: 1e-10, atol: 1e-12 };

Deno.test("`dopri5()` solves equations with known solutions to its tolerance", async () => {
  const grow = await dopri5(
    (t, y) => Promise.resolve(y.map((v) => v * t)),
    Float64Array.of(1, -2),
    [0, 2],
    TIGHT,
  );
  assertAlmostEquals(grow.y[0], Math.exp(2), 1e-8);
  assertAlmostEquals(grow.y[1], -2 * Math.exp(2), 1e-8);
  const turn = (_t: number, [x, v]: Float64Array) => Promise.resolve([v, -x]);
  const circle = await dopri5(turn, Float64Array.of(1, 0), [0, 2 * Math.PI], TIGHT);
  assertAlmostEquals(circle.y[0], 1, 1e-8);
  assertAlmostEquals(circle.y[1], 0, 1e-8);
});

Deno.test("`dopri5()` is exact for a polynomial of degree 5, at any tolerance", async () => {
  const { y } = await dopri5(
    (t) => Promise.resolve([5 * t ** 4]),
    Float64Array.of(0),
    [0, 1],
    { rtol: 1, atol: 1 },
  );
  assertAlmostEquals(y[0], 1, 1e-12);
});

Deno.test("`dopri5()` takes more evaluations for a tighter tolerance, and comes closer", async () => {
  const error = async (rtol: number) => {
    const solved = await dopri5(
      (t, [y]) => Promise.resolve([-20 * (y - Math.cos(t))]),
      Float64Array.of(0),
      [0, 1],
      { rtol, atol: rtol / 100 },
    );
    const exact = (400 * Math.cos(1) + 20 * Math.sin(1) - 400 * Math.exp(-20)) / 401;
    return { error: Math.abs(solved.y[0] - exact), evaluations: solved.evaluations };
  };
  const [loose, tight] = [await error(1e-3), await error(1e-8)];
  assertLess(loose.error, 1e-3);
  assertLess(tight.error, 1e-7);
  assertLess(loose.evaluations, tight.evaluations);
});

Deno.test("`dopri5()` counts what it did: six evaluations a step, and two to start", async () => {
  const times: number[] = [];
  let calls = 0;
  const { evaluations, accepted, rejected } = await dopri5(
    (t, [y]) => (calls++, Promise.resolve([Math.sin(30 * t) * y])),
    Float64Array.of(1),
    [0, 1],
    { rtol: 1e-6, atol: 1e-9 },
    (t) => void times.push(t),
  );
  assertEquals([evaluations, times.length], [calls, accepted]);
  assertEquals(evaluations, 2 + 6 * (accepted + rejected));
  assertEquals(times[times.length - 1], 1);
  assert(times.every((t, i) => i === 0 || t > times[i - 1]));
});

Deno.test("`dopri5()` throws when no step is small enough", async () => {
  const blowUp = (_t: number, [y]: Float64Array) => Promise.resolve([y * y]);
  await assertRejects(() => dopri5(blowUp, Float64Array.of(1), [0, 2], TIGHT), RangeError, "t = ");
});
