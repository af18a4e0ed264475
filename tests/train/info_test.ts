import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describeModel } from "../../models/info.ts";
import { PRESETS } from "../../models/presets.ts";
import { CONFIG_SCHEMA, trainConfigOf } from "../../train/config.ts";
import { mergeConfig, parseConfig } from "../../train/config_file.ts";
import { main } from "../../train/info.ts";
import { PARITY_FOLDER, parityAvailable } from "../devices.ts";
import { captured } from "../output.ts";

/** The lines below a title, to the next empty line. */
function paragraph(text: string, title: string): string[] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.startsWith(title));
  assert(start >= 0, `no paragraph "${title}" in:\n${text}`);
  const end = lines.indexOf("", start);
  return lines.slice(start + 1, end < 0 ? undefined : end);
}

async function print(...args: string[]): Promise<string> {
  const { value, out, err } = await captured(() => main(args));
  assertEquals([value, err], [0, ""]);
  return out;
}

async function refusal(...args: string[]): Promise<string> {
  const { value, out, err } = await captured(() => main(args));
  assertEquals([value, out], [1, ""]);
  assertMatch(err, /^error: [^\n]+\n$/);
  return err;
}

Deno.test("`info` prints the published counts of dsmoe-s-e16 in 10^6 and in 2^20", async () => {
  const counts = paragraph(await print("--preset", "dsmoe-s-e16"), "parameter counts");
  assertMatch(counts[0], /^ +total +96,870,560 +96\.87 x 10\^6 +92\.38 x 2\^20$/);
  assertMatch(counts[2], /^ +activated a token +34,939,040 +34\.94 x 10\^6 +33\.32 x 2\^20$/);
});

Deno.test("`info` prints every topic of dsmoe-nano", async () => {
  const out = await print("--preset", "DSMOE-NANO", "--device", "cpu");
  const { groups, counts } = describeModel(PRESETS["dsmoe-nano"]);
  const lines = paragraph(out, "parameters");
  assertEquals(lines.length, groups.length + 1);
  groups.forEach(({ pattern, init, spec, count }, i) => {
    for (const part of [pattern, init, spec, count.toLocaleString("en-US")]) {
      assertStringIncludes(lines[i + 1], part);
    }
  });
  assertStringIncludes(paragraph(out, "parameter counts")[0], counts.total.toLocaleString("en-US"));
  assertMatch(
    paragraph(out, "work").join("\n"),
    /forward, one image.*\d MFLOP\n.*\n.*training, one image +3\.\d\d times/,
  );
  const memory = paragraph(out, "training memory, batch 16 on cpu").join("\n");
  for (const part of ["weights", "gradients", "moments", "EMA", "activations"]) {
    assertStringIncludes(memory, part);
  }
  const data = paragraph(out, "data").join("\n");
  assertStringIncludes(data, "Apache-2.0");
  assertStringIncludes(data, "9 labels: 0 Smileys & Emotion");
});

Deno.test("`info` prints a configuration that `--config` reads back", async () => {
  const out = await print("--preset", "dsmoe-b-e48", "--batch", "2", "--model.depth=3", "--optim.lr", "3e-4");
  const text = paragraph(out, "configuration").map((line) => line.slice(2)).join("\n");
  const config = mergeConfig(trainConfigOf("dsmoe-nano"), parseConfig(text, "printed"), CONFIG_SCHEMA);
  const preset = trainConfigOf("dsmoe-b-e48");
  assertEquals(config, {
    ...preset,
    model: { ...preset.model, depth: 3 },
    optim: { ...preset.optim, lr: 3e-4 },
    train: { ...preset.train, batch_size: 2 },
  });
  assertStringIncludes(out, "training memory, batch 2 on webgpu");
});

Deno.test("`info` refuses bad input in one line", async () => {
  assertStringIncludes(await refusal("--preset", "dsmoe-xl"), 'Cannot find preset "dsmoe-xl"');
  assertStringIncludes(await refusal("--model.detph=4"), "--model.detph");
  assertStringIncludes(await refusal("--model.depth=deep"), "a whole number is wanted");
  assertStringIncludes(await refusal("--model.depth"), "a value is missing");
  assertStringIncludes(await refusal("--batch", "0"), "wanted a whole number of at least 1");
  assertStringIncludes(await refusal("--device", "reference"), "wanted webgpu or cpu");
  assertStringIncludes(await refusal("--data", "no/such/folder"), "no/such/folder");
  assertStringIncludes(await refusal("--config", "no_such_file.yaml"), "no_such_file.yaml");
  assertStringIncludes(await refusal("--model.num_heads=5"), "num_heads");
});

Deno.test({
  name: "`describeModel()` lists every entry of the reference's state_dict in its groups",
  ignore: !parityAvailable,
  fn() {
    for (const name of ["dsmoe-s-e16", "dsmoe-s-e48"]) {
      const file = new URL(`shapes/${name.replaceAll("-", "_")}.json`, PARITY_FOLDER);
      const { state_dict: state, buffers } = JSON.parse(Deno.readTextFileSync(file));
      const { groups } = describeModel(PRESETS[name]);
      const sum = (kinds: readonly string[], field: "entries" | "count") =>
        groups.filter(({ kind }) => kinds.includes(kind)).reduce((total, group) => total + group[field], 0);
      assertEquals(sum(["trainable", "frozen", "buffer"], "entries"), Object.keys(state).length);
      assertEquals(sum(["buffer"], "entries"), buffers.length);
      assertEquals(sum(["trainable", "frozen"], "count"), describeModel(PRESETS[name]).counts.total);
    }
  },
});

Deno.test("`describeModel()` collapses blocks and experts into patterns", () => {
  const patterns = describeModel(PRESETS["dsmoe-s-e16"]).groups.map(({ pattern, spec, entries, init }) =>
    `${pattern} ${spec} ${entries} ${init}`
  );
  assert(patterns.includes("blocks.{0..9}.attn.qkv.weight f32[1152, 384] 10 xavierUniform(gain=1)"));
  assert(patterns.includes("blocks.{0,2..8}.mlp.fc1.bias f32[1536] 5 zeros()"));
  const experts = "blocks.{1,3..9}.mlp.experts.blocks.{0..15}.gate_proj.weight";
  assert(patterns.includes(`${experts} f32[768, 384] 80 xavierUniform(gain=1)`));
});

Deno.test("`info --all` prints every preset with both units and the published results", async () => {
  const lines = (await print("--all")).split("\n");
  const row = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.split(/ {2,}/);
  assertEquals(lines.filter((line) => line !== "").length, Object.keys(PRESETS).length + 2);
  assertEquals(row("dsmoe-l-e48")?.slice(1, 5), ["1,166.94", "1,112.88", "456.80", "435.63"]);
  assertEquals(row("dsmoe-l-e48")?.slice(-2), ["9.19 / 118.52", "2.55 / 278.35"]);
  assertEquals(row("dit-s-2")?.[5], "0.0%");
});
