import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { auxiliaryOf, balanceLoss, sigmoidShares } from "../../../models/moe/balance_loss.ts";
import { SparseMoe } from "../../../models/moe/sparse_moe.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(ALL, "`balanceLoss()` is 1 in balance, and E / k when k experts get all", async (device) => {
  using _scope = device.scope();
  const even = device.tensor([2, 4], new Float32Array(8).fill(0.25));
  assertAlmostEquals(
    (await balanceLoss(even, device.tensor([4], Int32Array.of(1, 1, 1, 1)), 2).read())[0],
    1,
    1e-6,
  );
  const all = device.tensor([2, 4], Float32Array.of(0.5, 0.5, 0, 0, 0.5, 0.5, 0, 0));
  assertAlmostEquals(
    (await balanceLoss(all, device.tensor([4], Int32Array.of(2, 2, 0, 0)), 2).read())[0],
    2,
    1e-6,
  );
});

deviceTest(["reference"], "`balanceLoss()` pushes down the scores of busy experts", async (device) => {
  using _scope = device.scope();
  const logits = device.tensor([1, 2], new Float32Array(2));
  const counts = device.tensor([2], Int32Array.of(1, 0));
  const { loss, gradients: [gradient] } = valueAndGradients(
    [logits],
    () => balanceLoss(sigmoidShares(logits), counts, 1),
  );
  // P = s0 / (s0 + s1) with s = 1/2 each, loss 2 P, dP/ds0 = 1/2, ds/dl = 1/4.
  assertAlmostEquals((await loss.read())[0], 1, 1e-6);
  assertEquals(Array.from(await gradient!.read()), [0.25, -0.25]);
});

deviceTest(ALL, "`SparseMoe` offers its weighted balance loss to training alone", async (device) => {
  using _scope = device.scope();
  const layer = (alpha?: number) => {
    const params = new ParamStore();
    const moe = new SparseMoe(params.root, 8, {
      num_experts: 4,
      moe_intermediate_size: 8,
      n_group: 1,
      topk_group: 1,
      num_experts_per_tok: 2,
      routed_scaling_factor: 1,
      norm_topk_prob: true,
      use_shared_expert: false,
      aux_loss_alpha: alpha,
    });
    params.allocate(device);
    params.initialize(3);
    return { params, moe };
  };
  const x = device.tensor([1, 6, 8], new Philox(1, 1).normals(48));
  const training = { random: device.tensor([3], new Uint32Array(3)), stream: 0 };
  const value = async (alpha: number) => {
    const { params, moe } = layer(alpha);
    using _params = params;
    const { routing } = moe.forward(x);
    assertEquals(auxiliaryOf([routing], undefined), undefined);
    return (await auxiliaryOf([routing, routing], training)!.read())[0];
  };
  const one = await value(1);
  // Two layers, each about 1 where the router knows no favourites.
  assertAlmostEquals(one, 2, 1);
  assertAlmostEquals(await value(0.5), one / 2, 1e-5);
  for (const alpha of [0, undefined]) {
    const { params, moe } = layer(alpha);
    using _params = params;
    assertEquals(auxiliaryOf([moe.forward(x).routing], training), undefined);
  }
});
