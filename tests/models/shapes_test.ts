import { assertEquals } from "@std/assert";
import type { Shape } from "../../engine/core/shape.ts";
import { Fields } from "../../eval/parity/fields.ts";
import { modelConfigOf } from "../../eval/parity/models.ts";
import { countParameters } from "../../models/counts.ts";
import { createModel, type ModelConfig } from "../../models/create.ts";
import { presetNamed } from "../../models/presets.ts";
import { PARITY_FOLDER, parityAvailable } from "../devices.ts";

interface Published {
  readonly family: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly state_dict: Readonly<Record<string, Shape>>;
  readonly buffers: readonly string[];
  readonly frozen: readonly string[];
  readonly total_params: number;
  readonly trainable_params: number;
  readonly activated_params: number;
}

/** Total and activated parameters of the reference's models. */
const COUNTS: Readonly<Record<string, readonly [number, number]>> = {
  "dsmoe-s-e16": [96_870_560, 34_939_040],
  "dsmoe-s-e48": [69_238_304, 31_194_656],
  "dsmoe-b-e16": [386_318_624, 138_592_544],
  "dsmoe-b-e48": [275_610_656, 123_436_064],
  "dsmoe-l-e16": [1_368_055_840, 487_252_000],
  "dsmoe-l-e48": [1_166_944_288, 456_796_192],
  "dsmoe-3b-e16": [3_101_669_024, 1_011_480_224],
  "jit-b-16": [131_320_320, 131_320_320],
  "jit-l-16": [459_139_808, 459_139_808],
  "jit-h-16": [952_842_048, 952_842_048],
  "jitmoe-b-16-e16": [387_639_040, 139_644_160],
  "jitmoe-l-16-e16": [1_370_226_248, 488_705_608],
  "jitmoe-h-16-e16": [2_524_465_868, 982_005_452],
  "diffmoe-s-e16": [140_265_344, 33_924_224],
  "diffmoe-b-e16": [559_222_400, 134_203_520],
  "diffmoe-l-e16": [1_175_967_872, 470_894_720],
  "diffmoe-l-e8": [1_175_967_872, 470_894_720],
};

for (const [name, [total, activated]] of Object.entries(COUNTS)) {
  Deno.test(`\`countParameters()\` gives the reference's total and activated parameters of ${name}`, () => {
    const counts = countParameters(presetNamed(name));
    assertEquals([counts.total, counts.activated], [total, activated]);
  });

  Deno.test({
    name: `\`createModel()\` declares the reference's state_dict of ${name} without memory`,
    ignore: !parityAvailable,
    fn: async () => await compareShapes(name),
  });
}

async function compareShapes(name: string): Promise<void> {
  const file = new URL(`shapes/${name.replaceAll("-", "_")}.json`, PARITY_FOLDER);
  const published: Published = JSON.parse(await Deno.readTextFile(file));
  const config = presetNamed(name);
  assertEquals(configOf(published), withoutDrop(config));
  const { params } = createModel(config);
  assertEquals(Object.fromEntries(params.stateShapes()), published.state_dict);
  const namesOf = (kind: string) => params.all.filter((p) => p.kind === kind).map((p) => p.name);
  assertEquals(namesOf("buffer"), published.buffers);
  assertEquals(namesOf("frozen"), published.frozen);
  const { total, trainable, activated } = countParameters(config);
  assertEquals(
    [total, trainable, activated],
    [published.total_params, published.trainable_params, published.activated_params],
  );
}

function configOf({ family, config }: Published): ModelConfig {
  const { MoE_config, ...model } = config;
  return modelConfigOf({ family, config: new Fields(family, { family, model, MoE_config }) });
}

/** Dropout outside the experts is a setting of the trainer there, so that the files do not have it. */
function withoutDrop(config: ModelConfig): ModelConfig {
  const hasDrop = config.family === "jit" || config.family === "jitmoe";
  return hasDrop ? { ...config, model: { ...config.model, proj_drop: 0 } } : config;
}
