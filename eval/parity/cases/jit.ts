import { silu, sub } from "../../../kernels/elementwise/mod.ts";
import { JitAttention } from "../../../models/jit/attention.ts";
import { JitBlock } from "../../../models/jit/block.ts";
import { Jit } from "../../../models/jit/jit.ts";
import { BottleneckPatchEmbed } from "../../../models/layers/embedders.ts";
import { FinalLayer } from "../../../models/layers/final_layer.ts";
import { gatedWidth, SwigluMlp } from "../../../models/layers/mlp.ts";
import { SWIGLU_EXPERTS } from "../../../models/moe/experts.ts";
import { SparseMoe } from "../../../models/moe/sparse_moe.ts";
import type { CaseContext, CaseRunner } from "../case.ts";
import { normalizes, readExperts } from "../dsmoe_config.ts";
import { jitConfigOf, jitMoeOf, layoutOf } from "../jit_config.ts";
import { runLayer } from "./layer.ts";
import { runModelOf } from "./model.ts";

function tokensOf({ golden }: CaseContext): number {
  return golden.shape("in.x")[1];
}

/** Attention with RMSNorm of queries and keys and interleaved rotary positions (behaviours 10 and 13). */
export const runJitAttention: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    args.requireOff("attn_drop", "proj_drop");
    const layer = new JitAttention(params.root, args.number("dim"), args.number("num_heads"));
    const layout = layoutOf(args, tokensOf(context));
    return (inputs) => ({ out: layer.forward(inputs.get("x")!, layout) });
  });

/** The gated feed-forward layer with its rule of two thirds (behaviour 20). */
export const runSwigluMlp: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    args.requireOff("drop");
    const layer = new SwigluMlp(
      params.root,
      args.number("hidden_size"),
      gatedWidth(args.number("hidden_dim")),
    );
    return (inputs) => ({ out: layer.forward(inputs.get("x")!) });
  });

/** The expert layer of JiTMoE (behaviours 20-27). */
export const runJitMoe: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    args.requireOff("proj_drop");
    const hidden = args.number("hidden_size");
    const config = readExperts(args, hidden, normalizes(context.golden.config));
    const layer = new SparseMoe(params.root, hidden, config, SWIGLU_EXPERTS);
    return (inputs) => layer.forward(inputs.get("x")!);
  });

/** The patch convolution through a bottleneck (behaviour 16). */
export const runBottleneckPatchEmbed: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    args.ignore("input_size");
    const layer = new BottleneckPatchEmbed(
      params.root,
      args.number("in_channels"),
      args.number("patch_size"),
      args.number("bottleneck_dim"),
      args.number("hidden_size"),
    );
    return (inputs) => ({ out: layer.forward(inputs.get("x")!) });
  });

/** The output layer with a weighted RMSNorm (behaviours 6 and 7). */
export const runJitFinalLayer: CaseRunner = (context) =>
  runLayer(context, ["x", "c"], (params, args) => {
    const outputs = args.number("patch_size") ** 2 * args.number("out_channels");
    const layer = new FinalLayer(params.root, args.number("hidden_size"), outputs, "rmsnorm");
    return (inputs) => ({ out: layer.forward(inputs.get("x")!, silu(inputs.get("c")!)) });
  });

/** A whole transformer block, dense or with experts. */
export const runJitBlock: CaseRunner = (context) =>
  runLayer(context, ["x", "c"], (params, args) => {
    args.requireOff("attn_drop", "proj_drop");
    const config = {
      hidden_size: args.number("hidden_size"),
      num_heads: args.number("num_heads"),
      mlp_ratio: args.number("mlp_ratio"),
    };
    const layout = layoutOf(args, tokensOf(context));
    args.ignore("moe_config");
    const moe = args.has("moe_config")
      ? jitMoeOf(args.section("moe_config"), config.hidden_size, normalizes(context.golden.config))
      : null;
    const block = new JitBlock(params.root, config, moe);
    return (inputs) => block.forward(inputs.get("x")!, silu(inputs.get("c")!), layout);
  });

/** One training-style step of a whole JiT or JiTMoE without optimizer (behaviours 29 and 30). */
export const runJitModel: CaseRunner = (context) =>
  runModelOf(context, {
    create: (config) => new Jit(jitConfigOf(config)),
    perSample: "out.loss_per_sample",
    // The network predicts the image: its velocity is compared with that of the image itself.
    error: ({ objective }, out, zt, { x, t }) =>
      sub(objective.velocity(out, zt, t), objective.velocity(x, zt, t)),
  });
