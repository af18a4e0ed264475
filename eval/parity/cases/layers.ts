import { silu } from "../../../kernels/elementwise/mod.ts";
import { Attention } from "../../../models/layers/attention.ts";
import { DsmoeBlock } from "../../../models/dsmoe/block.ts";
import { FinalLayer } from "../../../models/layers/final_layer.ts";
import { SiluMlp } from "../../../models/layers/mlp.ts";
import { SparseMoe } from "../../../models/moe/sparse_moe.ts";
import type { CaseContext, CaseRunner } from "../case.ts";
import { attentionOf, moeOf, normalizes, readBlock, readExperts, requirePositions } from "../dsmoe_config.ts";
import { runLayer } from "./layer.ts";

function tokensOf({ golden }: CaseContext): number {
  return golden.shape("in.x")[1];
}

/** Attention in all its variants (behaviours 8-15). */
export const runAttention: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    const layer = new Attention(params.root, attentionOf(args, tokensOf(context)));
    return (inputs) => ({ out: layer.forward(inputs.get("x")!) });
  });

/** The expert layer of DSMoE (behaviours 19-27). */
export const runMoe: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    const hidden = args.number("hidden_size");
    const layer = new SparseMoe(
      params.root,
      hidden,
      readExperts(args, hidden, normalizes(context.golden.config)),
    );
    return (inputs) => layer.forward(inputs.get("x")!);
  });

/** The dense feed-forward layer of DSMoE (behaviour 18). */
export const runSiluMlp: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    const layer = new SiluMlp(params.root, args.number("hidden_size"), args.number("hidden_features"));
    return (inputs) => ({ out: layer.forward(inputs.get("x")!) });
  });

/** The output layer (behaviours 6 and 7). */
export const runFinalLayer: CaseRunner = (context) =>
  runLayer(context, ["x", "c"], (params, args) => {
    const outputs = args.number("patch_size") ** 2 * args.number("out_channels");
    const layer = new FinalLayer(params.root, args.number("hidden_size"), outputs);
    return (inputs) => ({ out: layer.forward(inputs.get("x")!, silu(inputs.get("c")!)) });
  });

/** A whole transformer block, dense or with experts. */
export const runBlock: CaseRunner = (context) =>
  runLayer(context, ["x", "c"], (params, args) => {
    const config = readBlock(args);
    requirePositions(args, config.rope_type, tokensOf(context));
    const moe = args.has("MoE_config")
      ? moeOf(args.section("MoE_config"), config.hidden_size, normalizes(context.golden.config))
      : null;
    const block = new DsmoeBlock(params.root, config, moe);
    return (inputs) => block.forward(inputs.get("x")!, silu(inputs.get("c")!));
  });
