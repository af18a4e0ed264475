import type { Spec } from "../../engine/core/spec.ts";
import { i32, kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan, CpuScratch } from "../../engine/kernel.ts";
import { productCalls, productScratch } from "./cpu_product.ts";
import { forwardProduct, inputGradientProducts } from "./product.ts";
import {
  type Conv2dAttrs,
  type Conv2dInputGradientAttrs,
  type Conv2dSizes,
  conv2dSizes,
  inputGradientSizes,
} from "./sizes.ts";

/** One product: the weight times the windows of the image. */
export function conv2dCpu(inputs: readonly Spec[], attrs: Conv2dAttrs): CpuPlan {
  const bias = inputs.length === 3, out = inputs.length;
  const sizes = conv2dSizes(inputs[0], inputs[1], attrs);
  const product = forwardProduct(sizes, { bias, relu: attrs.activation === "relu" });
  const slots = { image: 0, weights: 1, bias: bias ? 2 : 1, out, packed: out + 1, lanes: out + 2 };
  return { calls: productCalls(product, slots), scratch: productScratch(product) };
}

/** One product for each phase of the stride that any tap reaches; zeros elsewhere. */
export function inputGradientCpu(inputs: readonly Spec[], attrs: Conv2dInputGradientAttrs): CpuPlan {
  const sizes = inputGradientSizes(inputs[0], inputs[1], attrs);
  const phases = inputGradientProducts(sizes);
  const products = phases.filter(({ gather }) => gather.channels > 0);
  const slots = { image: 0, weights: 1, bias: 1, out: 2, packed: 3, lanes: 4 };
  return {
    calls: [
      ...(products.length < phases.length ? [clearCall(sizes, slots.out)] : []),
      ...products.flatMap((product) => productCalls(product, slots)),
    ],
    scratch: products.map(productScratch).reduce(largest),
  };
}

function largest(a: readonly CpuScratch[], b: readonly CpuScratch[]): CpuScratch[] {
  return a.map((scratch, i) => scratch.spec.shape[0] < b[i].spec.shape[0] ? b[i] : scratch);
}

/** Zeros for the pixels that no window sees because the stride passes over them. One work item is a channel. */
function clearCall({ batch, channels, height, width }: Conv2dSizes, slot: number): CpuCall {
  const bytes = 4 * height * width;
  return {
    key: `conv2d_clear ${bytes}`,
    build: () =>
      kernelModule((f) => {
        const [out] = f.pointers(1);
        f.fill(i32.add(out, i32.mul(f.begin, bytes)), 0, i32.mul(i32.sub(f.end, f.begin), bytes));
      }),
    bindings: [slot],
    range: batch * channels,
    grain: Math.max(1, Math.ceil(1e6 / bytes)),
  };
}
