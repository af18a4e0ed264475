import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { PickleDict, PickleTuple } from "../../engine/checkpoint/pickle_values.ts";
import { openSafetensors, writeSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { openTorch, type TorchFile } from "../../engine/checkpoint/torch.ts";
import { CheckpointError, ConfigError } from "../../engine/core/errors.ts";
import { Philox } from "../../engine/core/random.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { f32 } from "../../engine/core/spec.ts";
import { openDevice } from "../../engine/device/open.ts";
import { entryOf } from "../../models/about.ts";
import { createModel, FAMILY_NAMES, type ModelConfig } from "../../models/create.ts";
import { loadWeights, openModelCheckpoint } from "../../models/weights.ts";
import { loadCheckpoint, saveCheckpoint } from "../../train/checkpoint.ts";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import { convert, main } from "../../train/convert.ts";
import { optimizerGroups, stateDictOrder } from "../../train/convert/order.ts";
import { AdamW } from "../../train/optimizer.ts";
import { PARITY_FOLDER, parityAvailable } from "../devices.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A family's smallest configuration, cut down. */
function tinyConfig(family: string): TrainConfig {
  const nano = trainConfigOf(`${family}-nano`);
  const model = { ...nano.model, input_size: 8, hidden_size: 16, depth: 2, num_heads: 2, num_classes: 3 };
  const moe = "moe" in nano ? { moe: { ...nano.moe, num_experts: 4 } } : {};
  return { ...nano, model, ...moe } as TrainConfig;
}

/** Runs `body` with a run's state, all of it random. */
async function withState(
  config: TrainConfig,
  body: (params: ReturnType<typeof createModel>["params"], optimizer: AdamW) => Promise<void>,
): Promise<void> {
  using device = await openDevice("reference");
  const { params } = createModel(config);
  params.allocate(device);
  params.initialize(1);
  const { beta1, beta2, eps, ema_decay2, ema_buffers } = config.optim;
  const options = { beta1, beta2, eps, weightDecay: 0, emaDecay: 0.9, emaDecay2: ema_decay2 || null };
  using optimizer = new AdamW(device, params, { ...options, emaBuffers: ema_buffers, clipNorm: null });
  const random = new Philox(5, 0);
  const states = [...optimizer.states.values()];
  const tensors = [
    ...optimizer.ema.values(),
    ...optimizer.ema2.values(),
    ...states.flatMap(({ m, v }) => [m, v]),
  ];
  let offset = 0;
  for (const tensor of [...tensors, ...states.map(({ correction }) => correction)]) {
    tensor.write(random.normals(tensor.size, offset));
    offset += tensor.size;
  }
  states.forEach(({ steps }, i) => steps.write(new Uint32Array(steps.size).map((_, e) => 1000 * i + e)));
  await body(params, optimizer);
  params[Symbol.dispose]();
}

async function saveTiny(path: string, config: TrainConfig): Promise<void> {
  const dataset = { name: "toy", classNames: ["a", "b", "c"], digest: "0" };
  await withState(
    config,
    (params, optimizer) =>
      saveCheckpoint(path, params, optimizer, { step: 12, config, dataset, device: "reference" }),
  );
}

async function bytesOf(path: string): Promise<Map<string, string>> {
  using file = await openSafetensors(path);
  const found = new Map<string, string>();
  for (const [name, { dtype, shape }] of file.tensors) {
    found.set(name, `${dtype} ${shape} ${(await file.readBytes(name)).toHex()}`);
  }
  found.set("metadata", JSON.stringify(Object.entries(file.metadata).sort()));
  return new Map([...found].sort(([a], [b]) => a < b ? -1 : 1));
}

for (const family of FAMILY_NAMES) {
  Deno.test(`\`convert()\` takes a checkpoint of ${family} to a .pt and back bit-equal`, () =>
    inFolder(async (folder) => {
      const [from, torch, back] = ["a.safetensors", "b.pt", "c.safetensors"].map((name) =>
        join(folder, name)
      );
      const config = tinyConfig(family);
      await saveTiny(from, config);
      await convert(from, torch);
      await convert(torch, back);
      assertEquals(await bytesOf(back), await bytesOf(from));
      using file = await openTorch(torch);
      assertLayout(file, family.startsWith("jit"));
      await withState(config, async (params, optimizer) => {
        using round = await openSafetensors(back);
        assertEquals((await loadCheckpoint(round, params, optimizer)).step, 12);
      });
      await assertSameWeights(from, torch);
    }));
}

function assertLayout(file: TorchFile, jit: boolean): void {
  const [ema, optimizer] = jit ? ["model_ema1", "optimizer"] : ["ema", "opt"];
  for (const key of ["model", ema, optimizer, "args"]) {
    assert(entryOf(file.value, key) instanceof PickleDict, key);
  }
  assertEquals(jit, entryOf(file.value, "epoch") !== undefined);
  const groups = entryOf(entryOf(file.value, optimizer), "param_groups") as PickleDict[];
  assertEquals(groups.length, jit ? 2 : 1);
  assert(groups[0].get("betas") instanceof PickleTuple);
  const model = entryOf(file.value, "model") as PickleDict;
  assertEquals(model.className, "collections.OrderedDict");
  assertEquals([...model.keys()].every((name) => String(name).startsWith("net.")), jit);
  assertEquals([...(entryOf(file.value, ema) as PickleDict).keys()], [...model.keys()]);
}

/** What `sample` loads from either file. */
async function assertSameWeights(safetensors: string, torch: string): Promise<void> {
  using device = await openDevice("reference");
  const load = async (path: string) => {
    using checkpoint = await openModelCheckpoint(path);
    assertEquals([checkpoint.step, checkpoint.classNames], [12, ["a", "b", "c"]]);
    const { params } = createModel(checkpoint.config);
    params.allocate(device);
    await loadWeights(checkpoint.file, params, "ema");
    const values = await Promise.all(params.all.map(({ tensor }) => tensor.read()));
    params[Symbol.dispose]();
    return values;
  };
  assertEquals(await load(torch), await load(safetensors));
}

Deno.test({
  name: "`stateDictOrder()` and `optimizerGroups()` give the reference's order",
  ignore: !parityAvailable,
  fn: () => {
    const folder = new URL("shapes/", PARITY_FOLDER);
    let seen = 0;
    for (const { name } of Deno.readDirSync(folder)) {
      const { state_dict, family } = JSON.parse(Deno.readTextFileSync(new URL(name, folder)));
      if (!FAMILY_NAMES.includes(family)) continue;
      const preset = name.replace(".json", "").replaceAll("_", "-");
      const { params } = createModel(trainConfigOf(preset) as ModelConfig);
      assertEquals(stateDictOrder(params.stateShapes().keys()), Object.keys(state_dict), name);
      seen++;
    }
    assertEquals(seen, 17);
    for (const [name, jit] of [["dsmoe_resume", false], ["jitmoe_resume", true]] as const) {
      const { tensors, optimizer_param_names } = JSON.parse(
        Deno.readTextFileSync(new URL(`torch/${name}.json`, PARITY_FOLDER)),
      );
      const prefix = jit ? "net." : "";
      const shapes = new Map<string, Shape>(
        (tensors as { key: string[]; shape: number[] }[]).filter(({ key }) => key[0] === "model")
          .map(({ key, shape }) => [key[1].slice(prefix.length), shape]),
      );
      const names = optimizerGroups(shapes, jit).flat().map((own) => prefix + own);
      assertEquals(names, optimizer_param_names);
    }
  },
});

Deno.test({
  name: "`convert()` takes the reference's checkpoints to safetensors and back with equal tensors",
  ignore: !parityAvailable,
  fn: () =>
    inFolder(async (folder) => {
      for (
        const name of ["dsmoe_resume.pt", "dsmoe_resume_legacy.pt", "jitmoe_resume.pth", "state_dict.pt"]
      ) {
        const from = decodeURIComponent(new URL(`torch/${name}`, PARITY_FOLDER).pathname);
        const [middle, back] = [join(folder, `${name}.safetensors`), join(folder, name)];
        await convert(from, middle);
        await convert(middle, back);
        using first = await openTorch(from);
        using second = await openTorch(back);
        assertEquals([...second.tensors.keys()].sort(), [...first.tensors.keys()].sort());
        for (const [key, { dtype, shape }] of first.tensors) {
          const copy = second.tensors.get(key)!;
          assertEquals([copy.dtype, copy.shape], [dtype, shape]);
          assertEquals(await second.readBytes(key), await first.readBytes(key), key);
        }
      }
    }),
});

Deno.test("`convert()` refuses an output that exists, and replaces it with --force", () =>
  inFolder(async (folder) => {
    const [from, to] = [join(folder, "a.safetensors"), join(folder, "b.pt")];
    await writeSafetensors(from, [{ name: "w", spec: f32(2), data: Float32Array.of(1, 2) }]);
    await Deno.writeTextFile(to, "old");
    await assertRejects(() => convert(from, to), CheckpointError, "it exists, give --force to replace it");
    assertEquals(await Deno.readTextFile(to), "old");
    await convert(from, to, true);
    using file = await openTorch(to);
    assertEquals(await file.read("w"), Float32Array.of(1, 2));
  }));

Deno.test("`convert()` refuses what it cannot read or write in one line, and writes nothing", () =>
  inFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    await writeSafetensors(path("a.safetensors"), [{ name: "w", spec: f32(1), data: Float32Array.of(1) }]);
    await Deno.writeTextFile(path("text.pt"), "no checkpoint");
    const refuses = async (from: string, to: string, kind: typeof ConfigError, message: string) =>
      await assertRejects(() => convert(path(from), path(to)), kind, message);
    await refuses(
      "a.safetensors",
      "b.safetensors",
      ConfigError,
      "wanted one .safetensors and one .pt or .pth",
    );
    await refuses(
      "a.safetensors",
      "b.onnx",
      ConfigError,
      "wanted a name that ends in .pt, .pth or .safetensors",
    );
    await refuses("none.safetensors", "b.pt", CheckpointError, "none.safetensors");
    await refuses("text.pt", "b.safetensors", CheckpointError, "it is not a PyTorch file");
    await refuses("a.safetensors", "no/folder/b.pt", CheckpointError, "Cannot write");
    assertEquals(await main([path("a.safetensors")]), 1);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a.safetensors", "text.pt"]);
  }));
