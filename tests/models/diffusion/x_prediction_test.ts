import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { xPrediction } from "../../../models/diffusion/x_prediction.ts";
import { deviceTest } from "../../devices.ts";

const CONFIG = { P_mean: -0.8, P_std: 0.8, t_eps: 0.05, noise_scale: 2 };
const objective = xPrediction(CONFIG);
const TIMES = Float32Array.of(0, 0.5, 0.98);
const SHAPE = [3, 2, 4, 4];
const SIZE = 96;

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`xPrediction()` draws the logit of times as a normal number",
  async (device) => {
    using _scope = device.scope();
    const draws = new Philox(1, 0).normals(20_000);
    const normal = () => device.tensor([draws.length], draws);
    const times = objective.times({
      normal,
      uniform: () => {
        throw new Error("not a uniform time");
      },
    });
    const got = await times.read();
    for (let i = 0; i < got.length; i++) {
      assertAlmostEquals(got[i], 1 / (1 + Math.exp(0.8 - 0.8 * draws[i])), 1e-5);
    }
  },
);

deviceTest(["reference", "cpu", "webgpu"], "`xPrediction()` mixes image and scaled noise", async (device) => {
  using _scope = device.scope();
  const [x, noise] = [new Philox(2, 0).normals(SIZE), new Philox(2, 1).normals(SIZE)];
  const batch = {
    x: device.tensor(SHAPE, x),
    noise: device.tensor(SHAPE, noise),
    t: device.tensor([3], TIMES),
  };
  const z = await objective.pathPoint(batch).read();
  z.forEach((value, i) => {
    const t = TIMES[Math.floor(i / 32)];
    assertAlmostEquals(value, t * x[i] + (1 - t) * 2 * noise[i], 1e-5);
  });
});

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`xPrediction()` clamps velocity and loss alike near t = 1",
  async (device) => {
    using _scope = device.scope();
    const [x, noise, out, z] = [0, 1, 2, 3].map((stream) => new Philox(3, stream).normals(SIZE));
    const t = device.tensor([3], TIMES);
    const batch = { x: device.tensor(SHAPE, x), noise: device.tensor(SHAPE, noise), t };
    const [outTensor, zTensor] = [device.tensor(SHAPE, out), device.tensor(SHAPE, z)];
    const divisor = (i: number) => Math.max(1 - TIMES[Math.floor(i / 32)], CONFIG.t_eps);
    const velocity = await objective.velocity(outTensor, zTensor, t).read();
    velocity.forEach((value, i) => {
      const wanted = (out[i] - z[i]) / divisor(i);
      assert(Math.abs(value - wanted) <= 1e-5 * (1 + Math.abs(wanted)), `${value} for ${wanted} at ${i}`);
    });
    const wanted = out.reduce((sum, value, i) => {
      return sum + ((value - z[i]) / divisor(i) - (x[i] - z[i]) / divisor(i)) ** 2 / SIZE;
    }, 0);
    const [loss] = await objective.loss(outTensor, zTensor, batch).read();
    assertAlmostEquals(loss / wanted, 1, 1e-5);
  },
);

Deno.test("`xPrediction()` tells samplers of its scale and that it divides by 1 - t", () => {
  assertEquals([objective.noiseScale, objective.singularAtData], [2, true]);
});
