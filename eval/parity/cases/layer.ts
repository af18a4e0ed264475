import { ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { Routing } from "../../../models/moe/sparse_moe.ts";
import { type CaseContext, compareGradients, compareRouting, input, loadParameters } from "../case.ts";
import type { Fields } from "../fields.ts";

/** What a layer computes in one call. */
export interface LayerOutput {
  readonly out: Tensor;
  readonly routing?: Routing;
}

/** A layer of a golden file, ready to be called on its `in.` tensors. */
export type Layer = (inputs: ReadonlyMap<string, Tensor>) => LayerOutput;

/**
 * Runs one layer forward, backward where the file has an upstream gradient, and compares everything.
 *
 * @param build reads the layer's arguments and declares its parameters
 * @param names the `in.` tensors that the layer takes
 */
export async function runLayer(
  context: CaseContext,
  names: readonly string[],
  build: (params: ParamStore, args: Fields) => Layer,
): Promise<void> {
  const { golden, checks } = context;
  using params = new ParamStore();
  const args = golden.config.section("args");
  const layer = build(params, args);
  args.finish();
  await loadParameters(context, params);
  const inputs = new Map<string, Tensor>();
  for (const name of names) inputs.set(name, await input(context, name));
  const upstream = golden.has("in.grad_out") ? await input(context, "grad_out") : undefined;
  let result: LayerOutput | undefined;
  await compareGradients(context, params, inputs, () => {
    result = layer(inputs);
    return { root: result.out, upstream };
  });
  await checks.tensor("out", result!.out, "output");
  if (result!.routing) await compareRouting(context, result!.routing);
}
