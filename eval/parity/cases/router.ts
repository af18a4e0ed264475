import { route } from "../../../kernels/moe/router/mod.ts";
import { type CaseRunner, input, inputGradient } from "../case.ts";

/** The sigmoid router alone: choice, weights, and the gradient of the logits (behaviours 21-27). */
export const runRouter: CaseRunner = async (context) => {
  const { golden, checks } = context;
  const args = golden.config.section("args");
  args.ignore("num_experts", "tokens");
  const attrs = {
    groups: args.number("n_group"),
    topkGroups: args.number("topk_group"),
    topk: args.number("num_experts_per_tok"),
    scaling: args.number("routed_scaling_factor"),
    normalize: args.flag("norm_topk_prob"),
  };
  args.finish();
  const logits = await input(context, "logits");
  const bias = await input(context, "e_score_correction_bias");
  const upstream = await input(context, "grad_weights");
  let routed = { indices: logits, weights: logits };
  const gradient = await inputGradient(logits, () => {
    routed = route(logits, bias, attrs);
    return { root: routed.weights, upstream };
  });
  await checks.exact("out.topk_indices", routed.indices);
  await checks.tensor("out.topk_weights", routed.weights, "router");
  await checks.values("grad.in.logits", gradient, "router");
};
