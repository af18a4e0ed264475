import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PickleDict } from "../../../engine/checkpoint/pickle_values.ts";
import type { SafetensorsEntry } from "../../../engine/checkpoint/safetensors.ts";
import { TorchData, writeTorch } from "../../../engine/checkpoint/torch_writer.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { f32, makeSpec } from "../../../engine/core/spec.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { openInceptionFeatures } from "../../../eval/features.ts";
import { openInception } from "../../../models/inception/mod.ts";
import { deviceTest } from "../../devices.ts";
import { formulaEntries, withWeights } from "./weights_file.ts";

/** The message of the refusal of a file of these entries, without its path; nothing may stay in memory. */
async function refusal(entries: readonly SafetensorsEntry[]): Promise<string> {
  using device = await openDevice("reference");
  let message = "";
  await withWeights(entries, async (path) => {
    const error = await assertRejects(() => openInception(device, path), CheckpointError);
    assertEquals(error.message.split("\n").length, 1);
    message = error.message.replace(path, "FILE");
  });
  assertEquals(device.memory().live, 0);
  return message;
}

const zeros = (name: string, ...shape: number[]): SafetensorsEntry => ({
  name,
  spec: f32(...shape),
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

Deno.test("`openInception()` lists missing, unexpected and misshapen tensors", async () => {
  const first = zeros("Conv2d_1a_3x3.conv.weight", 32, 3, 3, 3);
  const biases = [
    zeros("fc.bias", 1000),
    zeros("fc.scale", 1),
    zeros("Conv2d_1a_3x3.bn.num_batches_tracked"),
  ];
  assertEquals(
    await refusal([first, ...biases]),
    "Cannot use FILE as the Inception v3 of FID: 470 missing (Conv2d_1a_3x3.bn.weight, Conv2d_1a_3x3.bn.bias, " +
      "Conv2d_1a_3x3.bn.running_mean, Conv2d_1a_3x3.bn.running_var, Conv2d_2a_3x3.conv.weight and 465 more); " +
      "1 unexpected (fc.scale); 1 of another shape (fc.bias [1000] for [1008])",
  );
});

Deno.test("`openInception()` refuses other kinds of files in one line", async () => {
  using device = await openDevice("reference");
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["inception.pth", "inception.pt", "inception.npz"]) {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(path, "nothing of this kind");
      const error = await assertRejects(() => openInception(device, path), CheckpointError);
      assertStringIncludes(error.message, path);
      assertEquals(error.message.split("\n").length, 1);
    }
    const missing = `${folder}/missing.pth`;
    await assertRejects(() => openInception(device, missing), CheckpointError, `Cannot open ${missing}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

deviceTest(["cpu"], "`openInception()` takes a whole file, and releases every byte", async (device) => {
  const before = device.memory().live;
  const counter: SafetensorsEntry = {
    name: "Mixed_7c.branch_pool.bn.num_batches_tracked",
    spec: makeSpec("i32", []),
    data: new Int32Array(1),
  };
  const entries = [counter, ...formulaEntries()];
  await withWeights(entries, async (path) => {
    const options = { batch: 2, height: 5, width: 7, preprocessing: "pytorch-fid" } as const;
    const wanted = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
    {
      using network = await openInceptionFeatures(device, path, options);
      assertEquals([network.name, network.sha256], ["Inception v3 (FID)", wanted]);
      const { pool, spatial, logits } = await network.extract(new Uint8Array(3 * 5 * 7));
      const { poolSize, spatialSize, classes } = network;
      assertEquals([poolSize, spatialSize, classes], [pool.length, spatial.length, logits.length]);
      assertEquals([poolSize, spatialSize, classes], [2048, 2023, 1008]);
    }
    assertEquals(device.memory().live, before);
  });
  const float = entries.map((entry): SafetensorsEntry =>
    entry.name === "fc.bias" ? { ...entry, spec: makeSpec("i32", [1008]), data: new Int32Array(1008) } : entry
  );
  await withWeights(float, async (path) => {
    const run = () => openInception(device, path);
    await assertRejects(
      run,
      CheckpointError,
      `Cannot load fc.bias of ${path}: wanted a float dtype, got I32`,
    );
    assertEquals(device.memory().live, before);
  });
});

deviceTest(["cpu"], "`openInception()` reads PyTorch's format, counters included", async (device) => {
  const entries = formulaEntries();
  const tree = new PickleDict();
  for (const { name, spec, data } of entries) {
    const bytes = async () => new Uint8Array((await (data as () => Promise<Float32Array>)()).buffer);
    tree.set(name, new TorchData("F32", spec.shape, bytes));
  }
  const counter = new TorchData("I64", [], () => Promise.resolve(new Uint8Array(8)));
  tree.set("Mixed_7c.branch_pool.bn.num_batches_tracked", counter);
  const path = await Deno.makeTempFile({ suffix: ".pth" });
  try {
    await writeTorch(path, tree);
    using torch = await openInception(device, path);
    await withWeights(entries, async (other) => {
      using plain = await openInception(device, other);
      for (const [i, { name, tensor }] of torch.model.folded.all.entries()) {
        assertEquals(await tensor.read(), await plain.model.folded.all[i].tensor.read(), name);
      }
    });
  } finally {
    await Deno.remove(path);
  }
});
