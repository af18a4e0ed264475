import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { combine, gather } from "../../../kernels/moe/gather_scatter/mod.ts";
import { dispatch } from "../../../kernels/moe/histogram_scan/mod.ts";
import { moeReference } from "../../../kernels/moe/moe_reference.ts";
import { route, type RouteAttrs } from "../../../kernels/moe/router/mod.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

const SETUPS: readonly { T: number; E: number; D: number; tile: number; attrs: RouteAttrs }[] = [
  { T: 6, E: 4, D: 3, tile: 4, attrs: { groups: 1, topkGroups: 1, topk: 2, scaling: 1, normalize: true } },
  {
    T: 97,
    E: 16,
    D: 20,
    tile: 8,
    attrs: { groups: 4, topkGroups: 2, topk: 4, scaling: 2.5, normalize: true },
  },
  {
    T: 41,
    E: 8,
    D: 7,
    tile: 16,
    attrs: { groups: 1, topkGroups: 1, topk: 1, scaling: 2.5, normalize: true },
  },
];

function inputs(T: number, E: number, D: number) {
  return {
    x: new Philox(41, 1).normals(T * D),
    logits: new Philox(41, 2).normals(T * E),
    bias: new Philox(41, 3).normals(E).map((b) => 0.1 * b),
    slabs: new Philox(41, 4).normals(E * D * D),
  };
}

/** One matrix an expert: `y = W_e x`. */
function multiply(slabs: Float32Array, e: number, token: ArrayLike<number>): Float64Array {
  const D = token.length;
  return Float64Array.from({ length: D }, (_, n) => {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += slabs[(e * D + n) * D + d] * token[d];
    return sum;
  });
}

for (const { T, E, D, tile, attrs } of SETUPS) {
  const title = `${T} tokens, top ${attrs.topk} of ${E}, tile ${tile}`;
  deviceTest(ALL, `the dispatched layer equals \`moeReference()\` for ${title}`, async (device) => {
    using _scope = device.scope();
    const { x, logits, bias, slabs } = inputs(T, E, D);
    const want = moeReference({
      x,
      logits,
      bias,
      width: D,
      attrs,
      expert: (e, token) => multiply(slabs, e, token),
    });
    const routing = route(device.tensor([T, E], logits), device.tensor([E], bias), attrs);
    const plan = dispatch(routing.indices, E, tile);
    const rows = await gather(device.tensor([T, D], x), plan).read();
    const tileExpert = await plan.tileExpert.read();
    const y = new Float32Array(plan.rows * D);
    tileExpert.forEach((e, i) => {
      if (e < 0) return;
      for (let r = i * tile; r < (i + 1) * tile; r++) {
        y.set(multiply(slabs, e, rows.subarray(r * D, (r + 1) * D)), r * D);
      }
    });
    const out = combine(device.tensor([plan.rows, D], y), routing.weights, plan);
    assertEquals(await routing.indices.read(), want.indices);
    assertEquals(await plan.counts.read(), want.counts);
    assert(relativeError(await out.read(), Float32Array.from(want.out)) <= 2e-6);
  });
}

deviceTest(
  ALL,
  "gradients pass through the dispatched layer when experts are the identity",
  async (device) => {
    using _scope = device.scope();
    const { T, E, D, tile, attrs } = SETUPS[1];
    const data = inputs(T, E, D);
    const x = device.tensor([T, D], data.x);
    const logits = device.tensor([T, E], data.logits);
    const upstream = new Philox(42, 1).normals(T * D);
    const loss = (weigh: (w: Tensor) => Tensor, routing: RouteAttrs) => () => {
      const { indices, weights } = route(logits, device.tensor([E], data.bias), routing);
      const plan = dispatch(indices, E, tile);
      return sum(mul(combine(gather(x, plan), weigh(weights), plan), device.tensor([T, D], upstream)));
    };
    // Normalised weights sum to the scaling factor, so the layer is `scaling * x` and no logit matters.
    const { gradients: [dx, dlogits] } = valueAndGradients([x, logits], loss((w) => w, attrs));
    assert(relativeError(await dx!.read(), upstream.map((g) => attrs.scaling * g)) <= 2e-6);
    assert((await dlogits!.read()).every((g) => Math.abs(g) <= 2e-5));
    const plain = valueAndGradients([logits], loss((w) => w, { ...attrs, normalize: false }));
    const want = moeReference({
      ...data,
      width: D,
      attrs: { ...attrs, normalize: false },
      expert: (_e, t) => t,
    });
    const slopes = new Float32Array(T * E);
    want.indices.forEach((e, pair) => {
      const t = Math.floor(pair / attrs.topk);
      const s = want.weights[pair] / attrs.scaling;
      let dot = 0;
      for (let d = 0; d < D; d++) dot += data.x[t * D + d] * upstream[t * D + d];
      slopes[t * E + e] = attrs.scaling * dot * s * (1 - s);
    });
    assert(relativeError(await plain.gradients[0]!.read(), slopes) <= 5e-6);
  },
);
