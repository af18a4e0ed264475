import { assert } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { Modulation } from "../../../models/layers/adaln.ts";
import { LayerNorm, type Norm, PLAIN_LAYERNORM } from "../../../models/layers/norm.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../../kernels/tolerance.ts";

deviceTest(
  ["reference"],
  "`Modulation` gives one result whether the norm is fused or not, and so do its gradients",
  async (device) => {
    using _scope = device.scope();
    using params = new ParamStore();
    const apart: Norm = new LayerNorm(params.root.sub("norm"), 8, 1e-6);
    params.allocate(device);
    params.initialize(1);
    const tensor = (stream: number, ...shape: number[]) =>
      device.tensor(shape, new Philox(81, stream).normals(shape.reduce((product, dim) => product * dim)));
    const inputs = [tensor(1, 2, 3, 8), tensor(2, 2, 3, 8), tensor(3, 2, 24)];
    const upstream = tensor(4, 2, 3, 8);
    const run = (norm: Norm) =>
      valueAndGradients(inputs, () => {
        const [x, y, all] = inputs;
        const vectors = new Modulation(reshape(all, [2, 3, 8]));
        return sum(mul(upstream, vectors.residual(vectors.norm(norm, x, 0, 1), y, 2)));
      });
    const [fused, plain] = [run(PLAIN_LAYERNORM), run(apart)];
    const error = async (i: number) =>
      relativeError(await fused.gradients[i]!.read(), await plain.gradients[i]!.read());
    assert(relativeError(await fused.loss.read(), await plain.loss.read()) < 1e-12);
    for (const i of inputs.keys()) assert(await error(i) < 1e-6, `gradient ${i}`);
  },
);
