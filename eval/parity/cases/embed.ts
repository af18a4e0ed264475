import { dropLabel } from "../../../kernels/elementwise/mod.ts";
import { unpatchify } from "../../../kernels/patchify/mod.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { LabelEmbedder, PatchEmbed, TimestepEmbedder } from "../../../models/layers/embedders.ts";
import { sinCosPositions } from "../../../models/layers/pos_embed.ts";
import { type CaseContext, type CaseRunner, compareGradients, input, loadParameters } from "../case.ts";
import { runLayer } from "./layer.ts";

/** Sinusoidal features of the time and their MLP (behaviour 2). */
export const runTimestepEmbedder: CaseRunner = async (context) => {
  const { golden, checks } = context;
  const features = golden.config.section("args").number("frequency_embedding_size");
  let frequencies: Tensor | undefined;
  await runLayer(context, ["t"], (params, args) => {
    args.ignore("frequency_embedding_size");
    const layer = new TimestepEmbedder(params.root, args.number("hidden_size"), features);
    return (inputs) => {
      const t = inputs.get("t")!;
      frequencies = layer.frequencies(t);
      return { out: layer.forward(t) };
    };
  });
  await checks.tensor("out.freq_embedding", frequencies!, "table");
};

/** The label table, with labels that are forced to the null class (behaviour 5). */
export const runLabelEmbedder: CaseRunner = async (context) => {
  const { device, golden, checks } = context;
  const args = golden.config.section("args");
  args.ignore("dropout_prob");
  const classes = args.number("num_classes");
  using params = new ParamStore();
  const layer = new LabelEmbedder(params.root, classes, args.number("hidden_size"));
  args.finish();
  await loadParameters(context, params);
  const labels = await input(context, "y");
  const dropped = golden.has("in.force_drop_ids") ? await forced(context, labels, classes) : labels;
  const upstream = device.tensor(golden.shape("in.grad_out"), await golden.read("in.grad_out"));
  let out = upstream;
  await compareGradients(context, params, new Map(), () => {
    out = layer.forward(dropped);
    return { root: out, upstream };
  });
  await checks.tensor("out", out, "output");
};

/** A label is dropped where its random number is below the probability: 0 for forced labels, 1 for the others. */
async function forced({ device, golden }: CaseContext, labels: Tensor, classes: number): Promise<Tensor> {
  const forced = await golden.read("in.force_drop_ids");
  const random = device.tensor(labels.shape, Float32Array.from(forced, (id) => id === 1 ? 0 : 1));
  const half = device.tensor([1], Float32Array.of(0.5));
  return dropLabel(labels, random, half, device.tensor([1], Int32Array.of(classes)));
}

/** The fixed sin-cos table of positions (behaviour 14). */
export const runPositions: CaseRunner = async ({ device, golden, checks }) => {
  const args = golden.config.section("args");
  const [hidden, grid] = [args.number("embed_dim"), args.number("grid_size")];
  args.finish();
  await checks.tensor("out", device.tensor([grid * grid, hidden], sinCosPositions(hidden, grid)), "table");
};

/** The patch convolution (behaviour 16). */
export const runPatchEmbed: CaseRunner = (context) =>
  runLayer(context, ["x"], (params, args) => {
    args.ignore("input_size");
    const [channels, patch] = [args.number("in_channels"), args.number("patch_size")];
    const layer = new PatchEmbed(params.root, channels, patch, args.number("hidden_size"));
    return (inputs) => ({ out: layer.forward(inputs.get("x")!) });
  });

/** Tokens back to images (behaviour 17). */
export const runUnpatchify: CaseRunner = (context) =>
  runLayer(context, ["x"], (_, args) => {
    const [grid, patch, channels] = [args.number("grid"), args.number("patch_size"), args.number("channels")];
    const size = grid * patch;
    return (inputs) => ({ out: unpatchify(inputs.get("x")!, channels, size, size, patch, "hwc") });
  });
