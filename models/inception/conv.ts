import type { HostArray } from "../../engine/core/dtype.ts";
import { kaimingNormal, ones, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2d } from "../../kernels/conv2d/mod.ts";

/** Rows and columns; one number stands for both. */
export type Extent = number | readonly [rows: number, columns: number];

/** How a convolution walks over the image. */
export interface ConvOptions {
  /** 1 unless given. */
  readonly stride?: number;
  /** Zeros around the image; half the kernel unless given, so that its size stays. */
  readonly padding?: number;
}

/** The epsilon of every batch normalisation (reference behaviour 58). */
const EPSILON = 0.001;

/** Reads one tensor of a weights file. */
export type ReadValues = (name: string) => Promise<HostArray>;

/**
 * A convolution without bias, batch normalisation with running statistics, ReLU. The normalisation is folded into the
 * convolution when weights are loaded: one kernel runs.
 */
export class BasicConv {
  readonly #stated: ParamScope;
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #padding: readonly [number, number];
  readonly #stride: number;

  /**
   * Declares the five tensors that a file has, and the two that run.
   *
   * @param stated scope of the file's names
   * @param folded scope of what runs
   */
  constructor(
    stated: ParamScope,
    folded: ParamScope,
    inputs: number,
    private readonly outputs: number,
    kernel: Extent,
    { stride = 1, padding }: ConvOptions = {},
  ) {
    const [rows, columns] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    this.#stride = stride;
    this.#padding = padding === undefined ? [(rows - 1) / 2, (columns - 1) / 2] : [padding, padding];
    this.#stated = stated;
    const shape = [outputs, inputs, rows, columns];
    stated.sub("conv").parameter("weight", shape, { init: kaimingNormal() });
    const norm = stated.sub("bn");
    norm.parameter("weight", [outputs], { init: ones() });
    norm.parameter("bias", [outputs], { init: zeros() });
    norm.parameter("running_mean", [outputs], { init: zeros(), kind: "buffer" });
    norm.parameter("running_var", [outputs], { init: ones(), kind: "buffer" });
    this.#weight = folded.parameter("weight", shape, { init: kaimingNormal() });
    this.#bias = folded.parameter("bias", [outputs], { init: zeros() });
  }

  /** Reads a file's tensors, folds them in f64, and writes what runs. */
  async load(read: ReadValues): Promise<void> {
    const values = (name: string) => read(`${this.#stated.path}.${name}`);
    const weight = Float32Array.from(await values("conv.weight"));
    const [gamma, beta] = [await values("bn.weight"), await values("bn.bias")];
    const [mean, variance] = [await values("bn.running_mean"), await values("bn.running_var")];
    const bias = new Float32Array(this.outputs);
    const size = weight.length / this.outputs;
    for (let o = 0; o < this.outputs; o++) {
      const factor = gamma[o] / Math.sqrt(variance[o] + EPSILON);
      bias[o] = beta[o] - mean[o] * factor;
      for (let i = o * size; i < (o + 1) * size; i++) weight[i] *= factor;
    }
    this.#weight.tensor.write(weight);
    this.#bias.tensor.write(bias);
  }

  /**
   * Applies the layer.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, O, H', W']`, not negative
   */
  forward(x: Tensor): Tensor {
    const options = { stride: this.#stride, padding: this.#padding, activation: "relu" } as const;
    return x.device.at(
      this.#stated.path,
      () => conv2d(x, this.#weight.tensor, this.#bias.tensor, options),
    );
  }
}

/** Declares the convolutions of a module by name, and remembers them all. */
export class ConvScope {
  /** A scope below both; `convs` is shared by all. */
  constructor(
    private readonly stated: ParamScope,
    private readonly folded: ParamScope,
    /** Every convolution that was declared. */
    readonly convs: BasicConv[] = [],
  ) {}

  /** The scope of a submodule. */
  sub(name: string): ConvScope {
    return new ConvScope(this.stated.sub(name), this.folded.sub(name), this.convs);
  }

  /** Declares a convolution. */
  conv(name: string, inputs: number, outputs: number, kernel: Extent, options?: ConvOptions): BasicConv {
    const conv = new BasicConv(
      this.stated.sub(name),
      this.folded.sub(name),
      inputs,
      outputs,
      kernel,
      options,
    );
    this.convs.push(conv);
    return conv;
  }
}

/** Applies convolutions one after the other. */
export function chain(x: Tensor, ...convs: readonly BasicConv[]): Tensor {
  return convs.reduce((h, conv) => conv.forward(h), x);
}
