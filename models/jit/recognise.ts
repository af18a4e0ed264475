import { type DottedFields, expertPlaces, ratioOf, type Recogniser, type StateView } from "../state_view.ts";

/** Settings of training alone. */
const DEFAULTS: DottedFields = {
  "model.class_dropout_prob": 0.1,
  "model.proj_drop": 0,
  // Of no block, where there is no dense one.
  "model.mlp_ratio": 4,
  "objective.P_mean": -0.8,
  "objective.P_std": 0.8,
};

/** What names and shapes tell of a JiT. Where the class tokens join has no shape, nor has the noise. */
export const JIT_RECOGNISER: Recogniser = {
  derive: (state) => isJit(state) && routedBlocks(state).length === 0 ? networkOf(state) : undefined,
  defaults: DEFAULTS,
  fromArgs,
};

/** What names and shapes tell of a JiTMoE; routing has no shapes either. */
export const JITMOE_RECOGNISER: Recogniser = {
  derive(state) {
    const routed = routedBlocks(state);
    const places = expertPlaces(routed, state.depth);
    if (!isJit(state) || routed.length === 0 || !places) return undefined;
    const moe = `blocks.${routed[0]}.mlp`;
    return {
      ...networkOf(state),
      "moe.num_experts": state.dim(`${moe}.gate.weight`, 0),
      "moe.moe_intermediate_size": state.dim(`${moe}.experts.blocks.0.w3.weight`, 1),
      "moe.use_shared_expert": state.has(`${moe}.shared_experts.w3.weight`),
      "moe.interleave": places.interleave,
      "moe.skip_first2": places.skip,
    };
  },
  defaults: { ...DEFAULTS, "moe.balance_rate": 0, "moe.aux_loss_alpha": 0, "moe.proj_drop": 0 },
  fromArgs,
};

function isJit(state: StateView): boolean {
  return state.has("x_embedder.proj1.weight", 4) && state.has("blocks.0.attn.q_norm.weight");
}

function routedBlocks(state: StateView): number[] {
  return state.blocksWith("mlp.experts.blocks.0.w12.weight");
}

function networkOf(state: StateView): DottedFields {
  const [bottleneck, channels, patch] = state.shapes.get("x_embedder.proj1.weight")!;
  const hidden = state.dim("x_embedder.proj2.weight", 0) ?? 0;
  const width = state.dim("blocks.0.attn.proj.weight", 1) ?? 0;
  const [dense] = state.blocksWith("mlp.w3.weight");
  const gated = state.dim(`blocks.${dense}.mlp.w3.weight`, 1);
  const context = state.dim("in_context_posemb", 1);
  return {
    "model.bottleneck_dim": bottleneck,
    "model.in_channels": channels,
    "model.patch_size": patch,
    "model.hidden_size": hidden,
    "model.depth": state.depth,
    "model.num_heads": width / (state.dim("blocks.0.attn.q_norm.weight", 0) ?? width),
    "model.num_classes": (state.dim("y_embedder.embedding_table.weight", 0) ?? 0) - 1,
    "model.input_size": Math.round(Math.sqrt(state.dim("pos_embed", 1) ?? 0)) * patch,
    "model.in_context_len": context ?? 0,
    ...context === undefined && { "model.in_context_start": 0 },
    ...gated !== undefined && { "model.mlp_ratio": gatedRatio(gated, hidden) },
  };
}

/** The ratio whose feed-forward width is `gated` once the gate has taken a third; 4, the usual one, where it fits. */
function gatedRatio(gated: number, hidden: number): number {
  return Math.trunc(4 * hidden * 2 / 3) === gated ? 4 : ratioOf(Math.ceil(gated * 3 / 2), hidden);
}

/** The trainer's own names of what has no section there. */
const ARGS: Readonly<Record<string, string>> = {
  "objective.P_mean": "P_mean",
  "objective.P_std": "P_std",
  "objective.t_eps": "t_eps",
  "objective.noise_scale": "noise_scale",
  "model.class_dropout_prob": "label_drop_prob",
  "model.proj_drop": "proj_dropout",
};

function fromArgs(args: Readonly<Record<string, unknown>>): DottedFields {
  const known = Object.entries(ARGS).filter(([, name]) => Object.hasOwn(args, name));
  return Object.fromEntries(known.map(([field, name]) => [field, args[name]]));
}
