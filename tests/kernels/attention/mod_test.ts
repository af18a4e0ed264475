import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { differentiate } from "../../../engine/autodiff/backward.ts";
import { ShapeError } from "../../../engine/core/errors.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { ATTENTION, attention, type AttentionOptions } from "../../../kernels/attention/mod.ts";
import { GRADIENT_OPS } from "../../../kernels/grad.ts";
import { linear } from "../../../kernels/matmul/mod.ts";
import { permute } from "../../../kernels/permute/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { rope, ropeTable1d, ropeTable2d } from "../../../kernels/rope/mod.ts";
import { split } from "../../../kernels/split/mod.ts";
import { deviceTest, parityAvailable } from "../../devices.ts";
import { type Fixture, readFixture } from "../rope/fixture.ts";
import { relativeError } from "../tolerance.ts";

const DEVICES = ["reference", "cpu", "webgpu"] as const;
const OUTPUT_TOLERANCE = { reference: 5e-6, cpu: 5e-6, webgpu: 1e-4 } as const;
const GRADIENT_TOLERANCE = { reference: 1e-5, cpu: 1e-5, webgpu: 2e-4 } as const;

/** A whole attention layer of the reference implementation, made of kernels. */
interface Layer {
  readonly device: Device;
  readonly fixture: Fixture;
  readonly heads: number;
  readonly at: (key: string) => Tensor;
}

function rotary({ device, fixture, heads, at }: Layer): AttentionOptions["rope"] {
  const kind = String(fixture.args.rope_type);
  const [, tokens, width] = at("in.x").shape;
  const headDim = fixture.args.head_dim ?? width / heads;
  const side = Math.sqrt(tokens);
  if (kind === "none") return undefined;
  const { shape, data } = kind === "1d" ? ropeTable1d(tokens, headDim) : ropeTable2d(side, side, headDim);
  return {
    table: device.constant(`${kind} ${shape}`, () => ({ shape, data })),
    rotation: { pairing: "half", block: kind === "1d" ? headDim : headDim / 2 },
  };
}

function project({ at, fixture }: Layer, name: string, x: Tensor): Tensor {
  return linear(x, at(`param.${name}.weight`), fixture.args.qkv_bias ? at(`param.${name}.bias`) : undefined);
}

function forward(layer: Layer): Tensor {
  const x = layer.at("in.x");
  const [batch, tokens] = x.shape;
  const { heads } = layer;
  const options = { rope: rotary(layer) };
  const split3 = (name: string, count: number) => {
    const projected = project(layer, name, x);
    return reshape(projected, [batch, tokens, count, projected.shape[2] / count]);
  };
  if (layer.fixture.args.enable_gqa) {
    const [q, k, v] = [split3("q_proj", heads), split3("k_proj", heads / 2), split3("v_proj", heads / 2)];
    return merge(layer, attention({ q, k, v }, options));
  }
  const qkv = project(layer, "qkv", x);
  const headDim = qkv.shape[2] / (3 * heads);
  if (layer.fixture.args.use_sinks) {
    return merge(layer, overBatch(layer, reshape(qkv, [batch, tokens, 3 * heads, headDim])));
  }
  return merge(layer, attention({ qkv: reshape(qkv, [batch, tokens, 3, heads, headDim]) }, options));
}

function merge(layer: Layer, out: Tensor): Tensor {
  const [batch, tokens, heads, headDim] = out.shape;
  return linear(
    reshape(out, [batch, tokens, heads * headDim]),
    layer.at("param.proj.weight"),
    layer.at("param.proj.bias"),
  );
}

/** The reference's sinks attend causally over the batch entries of one token. */
function overBatch(layer: Layer, qkv: Tensor): Tensor {
  const { table, rotation } = rotary(layer)!;
  const [q, k, v] = split(qkv, 2, 3);
  const swap = (x: Tensor) => permute(x, [1, 0, 2, 3]);
  const [turnedQ, turnedK] = [q, k].map((x) => swap(rope(x, table, rotation)));
  const out = attention({ q: turnedQ, k: turnedK, v: swap(v) }, {
    sinks: layer.at("param.sinks"),
    causal: true,
    window: layer.fixture.args.sliding_window,
  });
  return swap(out);
}

const GOLDENS = [
  ...["attn_mha_none", "attn_mha_1d", "attn_mha_2d", "attn_mha_headdim12"],
  ...["attn_gqa_none", "attn_gqa_2d", "attn_sinks"],
];

for (const name of GOLDENS) {
  const title = `\`attention()\` agrees with the reference implementation: ${name}`;
  if (!parityAvailable) {
    Deno.test({ name: title, ignore: true, fn() {} });
    continue;
  }
  deviceTest(DEVICES, title, async (device) => {
    using _scope = device.scope();
    const fixture = await readFixture(name);
    const tensors = new Map<string, Tensor>();
    for (const [key, { shape, data }] of fixture.tensors) tensors.set(key, device.tensor(shape, data));
    const at = (key: string) => tensors.get(key)!;
    const layer = { device, fixture, heads: fixture.args.num_heads, at };
    const watched = [...tensors.keys()].filter((key) => key.startsWith("param.") || key === "in.x");
    const { value, gradients } = differentiate(GRADIENT_OPS, watched.map(at), () => {
      const value = forward(layer);
      return { value, root: value, upstream: at("in.grad_out") };
    });
    const error = relativeError(await value.read(), fixture.tensors.get("out")!.data);
    assert(error <= OUTPUT_TOLERANCE[device.kind], `out: error ${error}`);
    const all = { got: [] as number[], want: [] as number[] };
    for (const [i, key] of watched.entries()) {
      all.got.push(...await gradients[i]!.read());
      all.want.push(...fixture.tensors.get(`grad.${key.replace("param.", "")}`)!.data);
    }
    const gradientError = relativeError(Float32Array.from(all.got), Float32Array.from(all.want));
    assert(gradientError <= GRADIENT_TOLERANCE[device.kind], `gradients: error ${gradientError}`);
  });
}

deviceTest(
  ["reference", "cpu"],
  "`attention()` returns the mean of the values when all scores are equal",
  async (device) => {
    using _scope = device.scope();
    const q = device.tensor([1, 3, 1, 2], new Float32Array(6));
    const v = device.tensor([1, 3, 1, 2], Float32Array.of(1, 10, 2, 20, 6, 60));
    const mean = await attention({ q, k: q, v }).read();
    [3, 30, 3, 30, 3, 30].forEach((want, i) => assertAlmostEquals(mean[i], want, 1e-5));
    const causal = await attention({ q, k: q, v }, { causal: true }).read();
    [1, 10, 1.5, 15, 3, 30].forEach((want, i) => assertAlmostEquals(causal[i], want, 1e-5));
    const window = await attention({ q, k: q, v }, { causal: true, window: 2 }).read();
    [1, 10, 1.5, 15, 4, 40].forEach((want, i) => assertAlmostEquals(window[i], want, 1e-5));
  },
);

deviceTest(
  DEVICES,
  "`attention()` lets a sink take its share of the weight and give no value",
  async (device) => {
    using _scope = device.scope();
    const q = device.tensor([1, 1, 2, 2], new Float32Array(4));
    const v = device.tensor([1, 1, 2, 2], Float32Array.of(1, 2, 1, 2));
    const sinks = device.tensor([2], Float32Array.of(0, Math.log(3)));
    const out = await attention({ q, k: q, v }, { sinks }).read();
    [0.5, 1, 0.25, 0.5].forEach((want, i) => assertAlmostEquals(out[i], want, 1e-6));
  },
);

deviceTest(
  DEVICES,
  "`attention()` stays finite when scores are far apart and far from zero",
  async (device) => {
    using _scope = device.scope();
    const q = device.tensor([1, 2, 1, 2], Float32Array.of(60, 0, 60, 0));
    const k = device.tensor([1, 2, 1, 2], Float32Array.of(-60, 0, -40, 0));
    const v = device.tensor([1, 2, 1, 2], Float32Array.of(1, 2, 3, 4));
    const { value, gradients } = differentiate(GRADIENT_OPS, [q, k, v], () => {
      const value = attention({ q, k, v });
      return { value, root: value };
    });
    assertEquals([...await value.read()], [3, 4, 3, 4]);
    for (const gradient of gradients) assert((await gradient!.read()).every(Number.isFinite));
  },
);

deviceTest(
  ["reference", "cpu"],
  "`attention()` sums a value head's gradient over its group of query heads",
  async (device) => {
    using _scope = device.scope();
    const waves = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i));
    const q = device.tensor([1, 5, 6, 2], waves(60));
    const k = device.tensor([1, 5, 2, 2], waves(20));
    const v = device.tensor([1, 5, 2, 2], waves(20));
    const { gradients } = differentiate(GRADIENT_OPS, [v], () => {
      const value = attention({ q, k, v });
      return { value, root: value };
    });
    const values = Array.from(await gradients[0]!.read());
    // The weights of a row add up to 1, and five rows of each of three query heads meet in one value head.
    for (let channel = 0; channel < 4; channel++) {
      const sum = values.reduce((total, x, i) => i % 4 === channel ? total + x : total, 0);
      assertAlmostEquals(sum, 15, 1e-4);
    }
  },
);

deviceTest(["cpu", "webgpu"], "`attention()` gives the same bits twice", async (device) => {
  using _scope = device.scope();
  const qkv = device.tensor([2, 37, 3, 3, 8], Float32Array.from({ length: 5328 }, (_, i) => Math.sin(i * i)));
  const run = async () => {
    const { value, gradients } = differentiate(GRADIENT_OPS, [qkv], () => {
      const value = attention({ qkv });
      return { value, root: value };
    });
    return [...await value.read(), ...await gradients[0]!.read()];
  };
  assertEquals(await run(), await run());
});

deviceTest(["reference"], "`attention()` refuses shapes that do not fit", (device) => {
  using _scope = device.scope();
  const tensor = (...shape: number[]) =>
    device.tensor(shape, new Float32Array(shape.reduce((size, dim) => size * dim, 1)));
  const q = tensor(1, 2, 4, 2);
  const three = tensor(1, 2, 3, 2);
  assertThrows(
    () => attention({ q, k: three, v: three }),
    ShapeError,
    "Cannot compute attention of 4 query heads with 3 key heads: the second must divide the first",
  );
  assertThrows(
    () => attention({ q, k: q, v: three }),
    ShapeError,
    "Cannot compute attention: the values must be f32[1, 2, 4, 2], got f32[1, 2, 3, 2]",
  );
  assertThrows(
    () => attention({ qkv: q }),
    ShapeError,
    "Cannot compute attention of f32[1, 2, 4, 2]: f32[B, N, 3, H, D] is wanted",
  );
  assertThrows(
    () => attention({ qkv: tensor(1, 2, 3, 1, 3) }),
    ShapeError,
    "Cannot compute attention of f32[1, 2, 3, 1, 3]: the head size must be even, got 3",
  );
  assertThrows(
    () => attention({ q, k: q, v: q }, { sinks: tensor(3) }),
    ShapeError,
    "Cannot compute attention: the sinks must be f32[4], got f32[3]",
  );
  assertThrows(
    () => attention({ q, k: q, v: q }, { window: 2 }),
    RangeError,
    "Cannot compute attention: a window of 2 keys needs causal attention",
  );
});

Deno.test("`attention` costs no pair that a mask hides", () => {
  const q = { dtype: "f32", shape: [1, 4, 1, 2] } as const;
  const attrs = { packed: false, block: 0, sinks: false, causal: false, window: 0 };
  const flops = (more: Partial<typeof attrs>) => ATTENTION.cost([q, q, q], { ...attrs, ...more }).flops;
  assertEquals(flops({}), 16 * 13);
  assertEquals(flops({ causal: true }), 10 * 13);
  assertEquals(flops({ causal: true, window: 2 }), 7 * 13);
});
