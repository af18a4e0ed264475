import { assertEquals } from "@std/assert";
import type { Shape } from "../../engine/core/shape.ts";
import { dsmoeConfigOf } from "../../eval/parity/dsmoe_config.ts";
import { Fields } from "../../eval/parity/fields.ts";
import { countParameters } from "../../models/dsmoe/counts.ts";
import { Dsmoe } from "../../models/dsmoe/dsmoe.ts";
import { presetNamed } from "../../models/presets.ts";
import { PARITY_FOLDER, parityAvailable } from "../devices.ts";

interface Published {
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
};

for (const [name, [total, activated]] of Object.entries(COUNTS)) {
  Deno.test(`\`countParameters()\` gives the reference's total and activated parameters of ${name}`, () => {
    const counts = countParameters(presetNamed(name));
    assertEquals([counts.total, counts.activated], [total, activated]);
  });

  Deno.test({
    name: `\`Dsmoe\` declares the reference's state_dict of ${name} without memory`,
    ignore: !parityAvailable,
    fn: async () => await compareShapes(name),
  });
}

async function compareShapes(name: string): Promise<void> {
  const file = new URL(`shapes/${name.replaceAll("-", "_")}.json`, PARITY_FOLDER);
  const published: Published = JSON.parse(await Deno.readTextFile(file));
  const { MoE_config, ...model } = published.config;
  const config = presetNamed(name);
  assertEquals(dsmoeConfigOf(new Fields(name, { model, MoE_config })), config);
  const { params } = new Dsmoe(config);
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
