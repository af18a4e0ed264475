import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { f32, i32, u32 } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import {
  ADAMW,
  adamw,
  ADAMW_ADVANCE,
  ADAMW_EMA,
  type AdamwAttrs,
  type AdamwSettings,
  emaUpdate,
} from "../../../kernels/adamw/mod.ts";
import { clipGate, globalNorm } from "../../../kernels/global_norm/mod.ts";
import { deviceTest } from "../../devices.ts";
import { type Fixture, fixtureNames, readFixture } from "../moe/fixture.ts";
import { relativeError } from "../tolerance.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

interface State {
  readonly param: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  readonly ema: Tensor;
  readonly steps: Tensor;
  readonly correction: Tensor;
}

function stateOf(
  device: Device,
  shape: readonly number[],
  data: Float32Array<ArrayBuffer>,
  groups = 1,
): State {
  return {
    param: device.tensor(shape, data),
    m: device.tensor(shape, new Float32Array(data.length)),
    v: device.tensor(shape, new Float32Array(data.length)),
    ema: device.tensor(shape, data),
    steps: device.tensor([groups], new Uint32Array(groups)),
    correction: device.tensor([groups, 2], new Float32Array(2 * groups)),
  };
}

/** Replays the optimizer of a golden file; returns the states and the gradient norms. */
async function replay(device: Device, { args, tensors }: Fixture) {
  const names = Object.keys(args.shapes);
  const data = (key: string) => tensors.get(key)!.data as Float32Array<ArrayBuffer>;
  const states = new Map(names.map((n) => [n, stateOf(device, args.shapes[n], data(`param.${n}`))]));
  const halted = device.tensor([1], new Uint32Array(1));
  const loss = device.tensor([], new Float32Array([1]));
  const hyper = device.tensor([1], new Float32Array([args.lr]));
  const norms: number[] = [];
  for (let step = 0; step < args.steps; step++) {
    const grads = new Map(
      names.filter((n) => tensors.has(`in.grad.${step}.${n}`))
        .map((n) => [n, device.tensor(args.shapes[n], data(`in.grad.${step}.${n}`))]),
    );
    const norm = globalNorm([...grads.values()]);
    norms.push((await norm.read())[0]);
    const gate = clipGate(norm, loss, halted, args.clip_grad_norm ?? null);
    for (const group of args.groups) {
      for (const name of group.names) {
        const state = states.get(name)!;
        const active = device.tensor([1], new Int32Array([Number(grads.has(name))]));
        const [beta1, beta2] = args.betas;
        adamw(
          state,
          grads.get(name) ?? device.tensor(args.shapes[name], new Float32Array(state.param.size)),
          {
            hyper,
            gate,
            active,
          },
          { beta1, beta2, eps: args.eps, weightDecay: group.weight_decay, emaDecay: args.ema_decay },
        );
      }
    }
  }
  return { states, norms };
}

for (const name of fixtureNames("optim_adamw")) {
  deviceTest(ALL, `\`adamw()\` gives the golden states of ${name}`, async (device) => {
    using _scope = device.scope();
    const fixture = await readFixture(name);
    const { states, norms } = await replay(device, fixture);
    const want = (key: string) => fixture.tensors.get(key)!.data;
    for (const [n, { param, m, v, ema, steps }] of states) {
      const check = async (tensor: Tensor, key: string, most: number) => {
        const error = relativeError(await tensor.read(), want(key));
        assert(error <= most, `${key}: error ${error}, allowed ${most}`);
      };
      await check(param, `final.param.${n}`, 1e-6);
      await check(ema, `final.ema.${n}`, 1e-6);
      await check(m, `out.exp_avg.${n}`, 1e-6);
      await check(v, `out.exp_avg_sq.${n}`, 1e-6);
      assertEquals((await steps.read())[0], want(`out.step.${n}`)[0]);
      const start = want(`param.${n}`);
      const change = (await param.read()).map((p, i) => p - start[i]) as Float32Array<ArrayBuffer>;
      const wanted = want(`final.param.${n}`).map((p, i) => p - start[i]) as Float32Array<ArrayBuffer>;
      assert(relativeError(change, wanted) <= 5e-5);
    }
    const golden = fixture.tensors.get("grad_norms")?.data as Float32Array<ArrayBuffer> | undefined;
    if (golden) assert(relativeError(Float32Array.from(norms), golden) <= 1e-6);
  });
}

const SETTINGS: AdamwSettings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1, emaDecay: 0.99 };

function control(device: Device, gate: number, active?: number[]) {
  return {
    hyper: device.tensor([1], new Float32Array([0.01])),
    gate: device.tensor([1], new Float32Array([gate])),
    active: active && device.tensor([active.length], Int32Array.from(active)),
  };
}

function readAll({ param, m, v, ema, steps, correction }: State) {
  return Promise.all([param, m, v, ema, steps, correction].map((tensor) => tensor.read()));
}

deviceTest(ALL, "`adamw()` changes nothing at all when the gate is negative", async (device) => {
  using _scope = device.scope();
  const state = stateOf(device, [2, 5], new Philox(61, 1).normals(10), 2);
  const grad = device.tensor([2, 5], new Float32Array(10).fill(NaN));
  adamw(state, device.tensor([2, 5], new Philox(61, 2).normals(10)), control(device, 1), SETTINGS);
  const before = await readAll(state);
  adamw(state, grad, control(device, -1), SETTINGS);
  emaUpdate(state.ema, state.param, control(device, -1).gate, 0.5);
  assertEquals(await readAll(state), before);
});

deviceTest(ALL, "`adamw()` moves only the average of a group when it is not active", async (device) => {
  using _scope = device.scope();
  const state = stateOf(device, [3, 4], new Philox(62, 1).normals(12), 3);
  state.ema.write(new Float32Array(12));
  const [param, m, v] = (await readAll(state)).map((values) => values.slice());
  adamw(state, device.tensor([3, 4], new Philox(62, 2).normals(12)), control(device, 1, [1, 0, 1]), SETTINGS);
  const [newParam, newM, newV, ema, steps] = await readAll(state);
  const middle = (values: ArrayLike<number>) => Array.from(values).slice(4, 8);
  assertEquals([middle(newParam), middle(newM), middle(newV)], [middle(param), middle(m), middle(v)]);
  assertEquals([...steps], [1, 0, 1]);
  middle(ema).forEach((e, i) => assert(Math.abs(e - 0.01 * middle(param)[i]) <= 1e-8));
  assert(newParam.every((p, i) => (p === param[i]) === (i >= 4 && i < 8)));
});

deviceTest(ALL, "`adamw()` updates a stack as if its experts were separate parameters", async (device) => {
  using _scope = device.scope();
  const data = new Philox(63, 1).normals(3 * 35);
  const grads = [1, 2, 3].map((step) => new Philox(63, 1 + step).normals(3 * 35));
  const stack = stateOf(device, [3, 5, 7], data, 3);
  const apart = [0, 1, 2].map((g) => stateOf(device, [5, 7], data.slice(35 * g, 35 * g + 35)));
  for (const [step, grad] of grads.entries()) {
    const active = [1, step % 2, 1 - step % 2];
    adamw(stack, device.tensor([3, 5, 7], grad), control(device, 0.5, active), SETTINGS);
    for (const [g, state] of apart.entries()) {
      const own = device.tensor([5, 7], grad.slice(35 * g, 35 * g + 35));
      adamw(state, own, control(device, 0.5, [active[g]]), SETTINGS);
    }
  }
  for (const [i, values] of (await readAll(stack)).entries()) {
    const parts = await Promise.all(apart.map(async (state) => [...(await readAll(state))[i]]));
    assertEquals([...values], parts.flat());
  }
});

deviceTest(ALL, "`adamw()` corrects the bias to seven digits at every step count", async (device) => {
  using _scope = device.scope();
  const counts = [0, 1, 2, 9, 99, 692, 5000, 65_535, 3_999_999];
  const state = stateOf(device, [counts.length, 1], new Float32Array(counts.length), counts.length);
  state.steps.write(Uint32Array.from(counts));
  adamw(
    state,
    device.tensor([counts.length, 1], new Float32Array(counts.length)),
    control(device, 1),
    SETTINGS,
  );
  const correction = await state.correction.read();
  counts.forEach((steps, g) => {
    [0.9, 0.999].forEach((beta, i) => {
      const want = -Math.expm1((steps + 1) * Math.log(beta));
      const error = Math.abs(correction[2 * g + i] / want - 1);
      assert(error <= 1e-6, `1 - ${beta}^${steps + 1}: error ${error}`);
    });
  });
});

for (const [kernel, ema] of [[ADAMW, false], [ADAMW_EMA, true]] as const) {
  deviceTest(
    ["webgpu"],
    `\`${kernel.name}\` works when the grid needs a second dimension`,
    async (device, oracle) => {
      const narrow: Kernel<AdamwAttrs> = {
        ...kernel,
        webgpu: (inputs, attrs, limits) =>
          kernel.webgpu(inputs, attrs, { ...limits, maxComputeWorkgroupsPerDimension: 3 }),
      };
      const load = (on: Device) => {
        const { param, m, v, ema: average } = stateOf(on, [5, 500], new Philox(64, 1).normals(2500));
        const grad = on.tensor([5, 500], new Philox(64, 2).normals(2500));
        const coefficients = on.tensor([1, 4], Float32Array.of(0.001, 0.1, 30, 1));
        const slots = on.tensor([25], new Int32Array(25));
        return [param, m, v, grad, coefficients, slots, ...(ema ? [average] : [])];
      };
      using _scope = device.scope();
      const attrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, emaDecay: 0.99, line: 100 };
      const [got, want] = [load(device), load(oracle)];
      device.execute(narrow, got, attrs);
      oracle.execute(kernel, want, attrs);
      for (const [i, tensor] of want.entries()) {
        assert(relativeError(await got[i].read(), await tensor.read()) <= 2e-6, `input ${i}`);
      }
    },
  );
}

Deno.test("`adamw()` and `adamwAdvance()` name what is wrong when shapes do not fit", () => {
  const infer = (line: number, lines: number, param: number[], grad = param) => {
    const like = f32(...param);
    const attrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, line };
    return ADAMW.infer([like, like, like, f32(...grad), f32(3, 4), i32(lines)], attrs);
  };
  assertEquals(infer(4, 3, [3, 4]), []);
  assertThrows(() => infer(5, 3, [3, 4]), ShapeError, "lines of 5 elements must fill the parameter");
  assertThrows(() => infer(4, 2, [3, 4]), ShapeError, "slots must be i32[3] for lines of 4 elements");
  assertThrows(() => infer(12, 1, [3, 4], [4, 3]), ShapeError, "must have the parameter's shape [3, 4]");
  const advance = (correction: number, source: number) =>
    ADAMW_ADVANCE.infer(
      [u32(5), f32(correction, 2), f32(1), f32(1), i32(2), i32(source), f32(5)],
      { beta1: 0.9, beta2: 0.999 },
    );
  assertEquals(advance(5, 5), [f32(5, 4)]);
  assertThrows(() => advance(4, 5), ShapeError, "correction must be f32[5, 2]");
  assertThrows(() => advance(5, 1), ShapeError, "source and decay must be i32[5] and f32[5]");
});
