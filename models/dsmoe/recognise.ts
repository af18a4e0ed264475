import { type DottedFields, expertPlaces, ratioOf, type Recogniser, type StateView } from "../state_view.ts";

/** What names and shapes tell of a DSMoE. Heads, rotary encoding and routing have no shapes of their own. */
export const DSMOE_RECOGNISER: Recogniser = {
  derive(state) {
    const routed = state.blocksWith("mlp.experts.blocks.0.gate_proj.weight");
    const places = expertPlaces(routed, state.depth);
    if (routed.length === 0 || !places || !state.has("x_embedder.proj.weight", 4)) return undefined;
    const moe = `blocks.${routed[0]}.mlp`;
    return {
      ...networkOf(state),
      ...attentionOf(state),
      "moe.num_experts": state.dim(`${moe}.gate.weight`, 0),
      "moe.moe_intermediate_size": state.dim(`${moe}.experts.blocks.0.gate_proj.weight`, 0),
      "moe.use_shared_expert": state.has(`${moe}.shared_experts.gate_proj.weight`),
      "moe.interleave": places.interleave,
      "moe.skip_first2": places.skip,
    };
  },
  defaults: {
    "model.class_dropout_prob": 0.1,
    // Of no block, where there is no dense one.
    "model.mlp_ratio": 4,
    "moe.balance_rate": 0,
    "moe.aux_loss_alpha": 0,
  },
};

function networkOf(state: StateView): DottedFields {
  const [hidden, channels, patch] = state.shapes.get("x_embedder.proj.weight")!;
  const outputs = state.dim("final_layer.linear.weight", 0) ?? 0;
  const [dense] = state.blocksWith("mlp.fc1.weight");
  const width = state.dim(`blocks.${dense}.mlp.fc1.weight`, 0);
  const tokens = state.dim("pos_embed", 1);
  return {
    "model.hidden_size": hidden,
    "model.in_channels": channels,
    "model.patch_size": patch,
    "model.depth": state.depth,
    "model.num_classes": (state.dim("y_embedder.embedding_table.weight", 0) ?? 0) - 1,
    "model.learn_sigma": outputs === 2 * channels * patch ** 2,
    "model.norm_type": state.has("blocks.0.norm1.weight") ? "rmsnorm" : "layernorm",
    ...width !== undefined && { "model.mlp_ratio": ratioOf(width, hidden) },
    ...tokens !== undefined && {
      "model.rope_type": "none",
      "model.input_size": Math.round(Math.sqrt(tokens)) * patch,
    },
  };
}

function attentionOf(state: StateView): DottedFields {
  const hidden = state.dim("x_embedder.proj.weight", 0);
  const grouped = state.has("blocks.0.attn.q_proj.weight");
  const heads = state.dim("blocks.0.attn.sinks", 0);
  const width = state.dim("blocks.0.attn.proj.weight", 1);
  return {
    "model.enable_gqa": grouped,
    "model.use_sinks": heads !== undefined,
    ...heads === undefined && { "model.sliding_window": 0 },
    ...heads !== undefined && { "model.num_heads": heads },
    ...width === hidden && { "model.head_dim": null },
    ...width !== hidden && heads !== undefined && { "model.head_dim": width! / heads },
  };
}
