import { differentiate } from "../../engine/autodiff/backward.ts";
import type { HostArray } from "../../engine/core/dtype.ts";
import type { Device } from "../../engine/device/device.ts";
import type { ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { GRADIENT_OPS } from "../../kernels/grad.ts";
import type { Routing } from "../../models/moe/sparse_moe.ts";
import type { Checks } from "./checks.ts";
import type { Numbers } from "./compare.ts";
import type { Golden } from "./golden.ts";

/** What a case is run with. */
export interface CaseContext {
  readonly device: Device;
  readonly golden: Golden;
  readonly checks: Checks;
}

/** Runs one kind of case: rebuilds it from the golden file and compares everything that it expects. */
export type CaseRunner = (context: CaseContext) => Promise<void>;

/** The golden entry `in.<name>` as a step-scoped tensor. */
export async function input({ device, golden }: CaseContext, name: string): Promise<Tensor> {
  return device.tensor(golden.shape(`in.${name}`), await golden.read(`in.${name}`));
}

/** Gives a layer's parameters memory and the values of the `param.` entries. */
export async function loadParameters({ device, golden }: CaseContext, params: ParamStore): Promise<void> {
  params.allocate(device);
  const shapes = new Map(golden.names("param.").map((name) => [name, golden.shape(`param.${name}`)]));
  await params.load(shapes, (name) => golden.read(`param.${name}`));
}

/** A tensor to differentiate, and what flows into it from behind. */
export interface Differentiable {
  readonly root: Tensor;
  /** Ones where absent: the root is a loss. */
  readonly upstream?: Tensor;
}

/**
 * Runs `forward` and, if the file holds gradients, its backward pass, whose results are compared with all of them.
 *
 * @param inputs tensors by the name of their `in.` entry
 */
export async function compareGradients(
  { golden, checks }: CaseContext,
  params: ParamStore,
  inputs: ReadonlyMap<string, Tensor>,
  forward: () => Differentiable,
): Promise<void> {
  const names = [...inputs.keys()].filter((name) => golden.has(`grad.in.${name}`));
  const trainable = golden.names("grad.").length > 0 ? params.trainable : [];
  const watched = [...trainable.map(({ tensor }) => tensor), ...names.map((name) => inputs.get(name)!)];
  if (watched.length === 0) return void forward();
  const { gradients } = differentiate(GRADIENT_OPS, watched, () => ({ value: null, ...forward() }));
  const values = new Map<string, Numbers>();
  const read = async (i: number): Promise<HostArray> =>
    await gradients[i]?.read() ?? new Float32Array(watched[i].size);
  for (const [i, parameter] of trainable.entries()) {
    const all = await read(i);
    for (const { name, begin, end } of parameter.entries()) values.set(name, all.subarray(begin, end));
  }
  for (const [i, name] of names.entries()) values.set(`in.${name}`, await read(trainable.length + i));
  await checks.gradients(values);
}

/** Runs `forward` and its backward pass, and gives the gradient of one input. */
export async function inputGradient(x: Tensor, forward: () => Differentiable): Promise<HostArray> {
  const { gradients: [gradient] } = differentiate(GRADIENT_OPS, [x], () => ({ value: null, ...forward() }));
  return await gradient?.read() ?? new Float32Array(x.size);
}

/** Compares the choice of experts exactly, and their weights. */
export async function compareRouting({ checks }: CaseContext, routing: Routing): Promise<void> {
  const entry = routing.path === "" ? "out.route" : `out.route.${routing.path}`;
  await checks.exact(`${entry}.topk_indices`, routing.indices!);
  await checks.tensor(`${entry}.topk_weights`, routing.weights!, "router");
}
