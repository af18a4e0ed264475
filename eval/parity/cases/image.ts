import { resizeBilinear } from "../../../kernels/resize/mod.ts";
import { type PixelRule, pixelsOf } from "../../../models/inception/mod.ts";
import { type CaseRunner, input } from "../case.ts";

/** The four ways from a network's output to pixels (reference behaviours 55, 56). */
export const runImageOutput: CaseRunner = async ({ golden, checks }) => {
  const rules: readonly (readonly [string, PixelRule])[] = [
    ["out.jit_u8", "png"],
    ["out.dsmoe_255", "unrounded"],
    ["out.dit_u8", "dit"],
    ["out.adm_u8", "adm"],
  ];
  const images = Float32Array.from(await golden.read("in.x"));
  for (const [name, rule] of rules) await checks.integers(name, pixelsOf(images, rule));
  golden.config.ignore("family", "seed", "dtype", ...rules.map(([name]) => name));
  golden.config.finish();
};

/** Both bilinear resizes, several pairs of sizes. */
export const runResizeBilinear: CaseRunner = async (context) => {
  const { golden: { config }, checks } = context;
  config.ignore("family", "seed", "dtype", "out.torch", "out.tf1");
  for (const [i, pair] of config.sections("cases").entries()) {
    pair.ignore("from");
    const [height, width] = pair.numbers("to");
    pair.finish();
    const x = await input(context, `x.${i}`);
    const halfPixel = resizeBilinear(x, height, width, "half_pixel");
    await checks.tensor(`out.torch.${i}`, halfPixel, "resizedImage");
    await checks.tensor(`out.tf1.${i}`, resizeBilinear(x, height, width, "tf1"), "resizedImage");
  }
  config.finish();
};
