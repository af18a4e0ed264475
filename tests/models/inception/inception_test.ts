import { assert, assertEquals } from "@std/assert";
import type { HostArray } from "../../../engine/core/dtype.ts";
import { Philox } from "../../../engine/core/random.ts";
import type { Shape } from "../../../engine/core/shape.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import { conv2d } from "../../../kernels/conv2d/mod.ts";
import { BasicConv } from "../../../models/inception/conv.ts";
import { InceptionV3 } from "../../../models/inception/mod.ts";
import { deviceTest, PARITY_FOLDER, parityAvailable } from "../../devices.ts";

interface Published {
  readonly state_dict: Readonly<Record<string, Shape>>;
  readonly buffers: readonly string[];
  readonly total_values: number;
  readonly trainable_params: number;
}

Deno.test("`InceptionV3` declares 472 tensors of 23,885,392 values without memory", () => {
  const { params, folded } = new InceptionV3();
  assertEquals(params.all.length, 472);
  assertEquals(params.all.reduce((sum, { size }) => sum + size, 0), 23_885_392);
  assertEquals([folded.all.length, folded.count], [2 * 94 + 2, 23_885_392 - 3 * 17_216]);
});

Deno.test({
  name: "`InceptionV3` declares the published names, shapes and buffers",
  ignore: !parityAvailable,
  fn: async () => {
    const file = new URL("shapes/inception_fid.json", PARITY_FOLDER);
    const published: Published = JSON.parse(await Deno.readTextFile(file));
    const { params } = new InceptionV3();
    assertEquals([...params.stateShapes()], Object.entries(published.state_dict));
    assertEquals(
      params.all.filter(({ kind }) => kind === "buffer").map(({ name }) => name),
      published.buffers,
    );
    assertEquals(params.all.reduce((sum, { size }) => sum + size, 0), published.total_values);
    assertEquals(params.count, published.trainable_params);
  },
});

deviceTest(["reference"], "`BasicConv` folds its normalisation into the convolution", async (device) => {
  const [stated, folded] = [new ParamStore(), new ParamStore()];
  const conv = new BasicConv(stated.root, folded.root, 3, 4, [1, 3]);
  folded.allocate(device);
  using _folded = folded;
  const values = new Map<string, Float32Array<ArrayBuffer>>(stated.all.map(({ name, size }, i) => {
    const own = new Philox(9, i).normals(size);
    return [`.${name}`, name.endsWith("running_var") ? own.map((value) => 0.2 + value * value) : own];
  }));
  await conv.load((name) => Promise.resolve<HostArray>(values.get(name)!));
  const x = device.tensor([2, 3, 4, 5], new Philox(9, 100).normals(120));
  const plain = await conv2d(x, device.tensor([4, 3, 1, 3], values.get(".conv.weight")!), undefined, {
    padding: [0, 1],
  }).read();
  const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) =>
    values.get(`.bn.${name}`)!
  );
  const got = await conv.forward(x).read();
  assertEquals(got.length, plain.length);
  plain.forEach((value, i) => {
    const o = Math.floor(i / 20) % 4;
    const normed = (value - mean[o]) / Math.sqrt(variance[o] + 0.001) * gamma[o] + beta[o];
    assert(Math.abs(got[i] - Math.max(0, normed)) < 1e-5, `element ${i}: ${got[i]} for ${normed}`);
  });
  assert(got.some((value) => value === 0) && got.some((value) => value > 0));
});
