import { type DottedFields, expertPlaces, ratioOf, type Recogniser, type StateView } from "../state_view.ts";

/** Settings of training alone. */
const DEFAULTS: DottedFields = { "model.class_dropout_prob": 0.1, "model.mlp_ratio": 4 };

/** What names and shapes tell of a dense DiT. Heads have no shape of their own. */
export const DIT_RECOGNISER: Recogniser = {
  derive: (state) => isDit(state) && routedBlocks(state).length === 0 ? networkOf(state) : undefined,
  defaults: DEFAULTS,
};

/** What names and shapes tell of a token-choice DiT; its capacity has no shape either. */
export const TCDIT_RECOGNISER: Recogniser = {
  derive: (state) => routedOf(state, "gate.weight", ["gate_weight", "expert_threshold"]),
  defaults: { ...DEFAULTS, "moe.aux_loss_alpha": 0 },
};

/** What names and shapes tell of an expert-choice DiT. */
export const ECDIT_RECOGNISER: Recogniser = {
  derive: (state) => routedOf(state, "gate_weight", ["gate.weight", "expert_threshold"]),
  defaults: DEFAULTS,
};

/** What names and shapes tell of a DiffMoE. */
export const DIFFMOE_RECOGNISER: Recogniser = {
  derive: (state) => routedOf(state, "expert_threshold", []),
  defaults: {
    ...DEFAULTS,
    "model.CapacityPred_loss_weight": 1,
    "moe.threshold_ema_decay": 0.95,
    "moe.capacity_schedule_stage_I_iters": 0,
    "moe.capacity_schedule_stage_II_iters": 0,
  },
};

function isDit(state: StateView): boolean {
  return state.has("x_embedder.proj.weight", 4) && state.has("pos_embed", 3) &&
    state.has("blocks.0.attn.qkv.weight");
}

/** Blocks with experts, gated or not. */
function routedBlocks(state: StateView): number[] {
  const gelu = state.blocksWith("mlp.experts.0.fc1.weight");
  return gelu.length > 0 ? gelu : state.blocksWith("mlp.experts.0.gate_proj.weight");
}

/** @param mark the tensor of a routed layer that only this family has, `[E, ...]` */
function routedOf(state: StateView, mark: string, others: readonly string[]): DottedFields | undefined {
  const routed = routedBlocks(state);
  const places = expertPlaces(routed, state.depth);
  if (!isDit(state) || routed.length === 0 || !places || places.skip > 0) return undefined;
  const moe = `blocks.${routed[0]}.mlp`;
  if (!state.has(`${moe}.${mark}`) || others.some((name) => state.has(`${moe}.${name}`))) return undefined;
  const shared = state.dim(`${moe}.shared_experts.gate_proj.weight`, 0);
  const anyShared = state.has(`${moe}.shared_experts.fc1.weight`) ? 1 : 0;
  const hidden = state.dim("x_embedder.proj.weight", 0)!;
  return {
    ...networkOf(state),
    "moe.num_experts": state.dim(`${moe}.${mark}`, 0),
    "moe.n_shared_experts": shared === undefined ? anyShared : shared / hidden,
    "moe.interleave": places.interleave,
  };
}

function networkOf(state: StateView): DottedFields {
  const [hidden, channels, patch] = state.shapes.get("x_embedder.proj.weight")!;
  const width = feedForward(state);
  return {
    "model.hidden_size": hidden,
    "model.in_channels": channels,
    "model.patch_size": patch,
    "model.depth": state.depth,
    "model.num_classes": (state.dim("y_embedder.embedding_table.weight", 0) ?? 0) - 1,
    "model.input_size": Math.round(Math.sqrt(state.dim("pos_embed", 1) ?? 0)) * patch,
    "model.learn_sigma": state.dim("final_layer.linear.weight", 0) === 2 * channels * patch ** 2,
    "model.use_swiglu": width.gated,
    ...width.size !== undefined && { "model.mlp_ratio": ratioOf(width.size, hidden) },
  };
}

/** Width of a dense layer, or of an expert: all of them are equally wide. */
function feedForward(state: StateView): { readonly gated: boolean; readonly size: number | undefined } {
  for (const [name, gated] of [["fc1", false], ["gate_proj", true]] as const) {
    for (const layer of ["mlp", "mlp.experts.0"]) {
      const [block] = state.blocksWith(`${layer}.${name}.weight`);
      if (block !== undefined) {
        return { gated, size: state.dim(`blocks.${block}.${layer}.${name}.weight`, 0) };
      }
    }
  }
  return { gated: false, size: undefined };
}
