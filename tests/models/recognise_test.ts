import { assert, assertEquals, assertThrows } from "@std/assert";
import { CheckpointError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { createModel, FAMILY_NAMES, type ModelConfig } from "../../models/create.ts";
import { DSMOE_NANO, DSMOE_S_E16 } from "../../models/dsmoe/presets.ts";
import { PRESETS } from "../../models/presets.ts";
import { recogniseModel } from "../../models/recognise.ts";

function shapesOf(config: ModelConfig): Map<string, Shape> {
  return createModel(config).params.stateShapes();
}

for (const family of FAMILY_NAMES) {
  Deno.test(`\`recogniseModel()\` tells every preset of ${family} from names and shapes`, () => {
    const presets = Object.entries(PRESETS).filter(([, config]) => config.family === family);
    assert(presets.length > 0);
    for (const [name, config] of presets) {
      const { config: found, preset } = recogniseModel(shapesOf(config), {}, "x.pt");
      assertEquals(found, config, name);
      // Two names may stand for one configuration.
      assertEquals(PRESETS[preset!], config, name);
    }
  });
}

Deno.test("`recogniseModel()` takes the routing of a preset when only the classes differ", () => {
  const config = { ...DSMOE_S_E16, model: { ...DSMOE_S_E16.model, num_classes: 10 } };
  assertEquals(recogniseModel(shapesOf(config), {}, "x.pt"), { config, preset: "dsmoe-s-e16" });
});

Deno.test("`recogniseModel()` reads switches off names and shapes, and the rest off args", () => {
  const base = { ...DSMOE_NANO.model, hidden_size: 24, depth: 5, num_heads: 4 };
  const changes: Partial<typeof base>[] = [
    { rope_type: "none", input_size: 16 },
    { norm_type: "rmsnorm", learn_sigma: false },
    { use_sinks: true, sliding_window: 3, head_dim: 8 },
    { enable_gqa: true, mlp_ratio: 8 / 3 },
  ];
  for (const change of changes) {
    for (const moe of [{ interleave: false, skip_first2: 2 }, { use_shared_expert: false }]) {
      const config = {
        ...DSMOE_NANO,
        model: { ...base, ...change },
        moe: { ...DSMOE_NANO.moe, num_experts: 6, ...moe },
      };
      const { model: { depth: _, ...model }, ...rest } = config;
      const args = { ...rest, model };
      const found = recogniseModel(shapesOf(config), args, "x.pt");
      assertEquals(shapesOf(found.config), shapesOf(config));
      const close = found.config as typeof config;
      assertEquals(Math.trunc(24 * close.model.mlp_ratio), Math.trunc(24 * config.model.mlp_ratio));
      assertEquals({ ...close.model, mlp_ratio: 0 }, { ...config.model, mlp_ratio: 0 });
      assertEquals(close.moe, config.moe);
      assertEquals(found.preset, undefined);
    }
  }
});

Deno.test("`recogniseModel()` lists the fields that nothing tells", () => {
  const config = { ...DSMOE_NANO, model: { ...DSMOE_NANO.model, hidden_size: 24 } };
  const wanted =
    "it is a dsmoe with depth 4, hidden_size 24, patch_size 4, which is no preset's size, and its args do " +
    "not tell model.input_size, model.num_heads, model.rope_type, moe.n_group, moe.topk_group";
  assertThrows(() => recogniseModel(shapesOf(config), {}, "x.pt"), CheckpointError, wanted);
  // A file is not to be trusted: a value of another type tells nothing.
  const args = { model: { input_size: "32", num_heads: [4], rope_type: "1d" } };
  assertThrows(
    () => recogniseModel(shapesOf(config), args, "x.pt"),
    CheckpointError,
    "model.num_heads, moe.n_group",
  );
});

Deno.test("`recogniseModel()` lists missing, unexpected and misshapen names together", () => {
  const shapes = shapesOf(DSMOE_NANO);
  shapes.delete("final_layer.linear.bias");
  shapes.set("surplus", [1]);
  shapes.set("x_embedder.proj.bias", [127]);
  assertThrows(
    () => recogniseModel(shapes, {}, "x.pt"),
    CheckpointError,
    "Cannot use x.pt as a dsmoe-nano: 1 missing (final_layer.linear.bias); 1 unexpected (surplus); " +
      "1 of another shape (x_embedder.proj.bias [127] for [128])",
  );
});

Deno.test("`recogniseModel()` refuses names of no family, and does not build what a file cannot hold", () => {
  assertThrows(
    () => recogniseModel(new Map([["conv.weight", [1]]]), {}, "x.pt"),
    CheckpointError,
    "its 1 tensors (conv.weight, ...) are not those of dsmoe",
  );
  const shapes = shapesOf(DSMOE_NANO);
  shapes.set("blocks.1.mlp.gate.weight", [2 ** 40, 128]);
  shapes.set("blocks.999999999999.x", [1]);
  assertThrows(() => recogniseModel(shapes, {}, "x.pt"), CheckpointError, "Cannot tell which model");
});
