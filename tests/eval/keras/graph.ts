import type { Device } from "../../../engine/device/device.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { conv2d, type Conv2dOptions } from "../../../kernels/conv2d/mod.ts";
import { avgPool2d, maxPool2d } from "../../../kernels/pool/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { softmax } from "../../../kernels/softmax/mod.ts";
import { concat } from "../../../kernels/split/mod.ts";

/** A layer of a Keras model: what the rules below read of it. */
export interface KerasLayer {
  readonly name: string;
  readonly class_name: string;
  readonly config: {
    readonly activation?: string;
    readonly epsilon?: number;
    readonly padding?: "same" | "valid";
    readonly pool_size?: readonly [number, number];
    readonly strides?: readonly [number, number];
  };
  readonly inbound_nodes: readonly (readonly (readonly [layer: string, ...unknown[]])[])[];
}

/** A weight on the host, as Keras stores it. */
export interface KerasWeight {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Layers in an order in which they can be computed, and their weights as `layer/weight`. */
export interface KerasModel {
  readonly layers: readonly KerasLayer[];
  readonly weights: ReadonlyMap<string, KerasWeight>;
}

/** Computes a model of the layers that Inception v3 has. Images are `f32[B, C, H, W]` where Keras keeps `[B, H, W, C]`. */
export class KerasGraph {
  readonly #layers: ReadonlyMap<string, KerasLayer>;
  readonly #values = new Map<string, Tensor>();

  constructor(private readonly device: Device, private readonly model: KerasModel) {
    this.#layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  }

  /** The output of every layer but those that are folded into the layer behind them. */
  run(images: Tensor): ReadonlyMap<string, Tensor> {
    for (const layer of this.model.layers) {
      const value = layer.class_name === "InputLayer" ? images : this.#compute(layer);
      if (value) this.#values.set(layer.name, value);
    }
    return this.#values;
  }

  #compute(layer: KerasLayer): Tensor | undefined {
    const { class_name: kind, config } = layer;
    const inputs = () => this.#sources(layer).map(({ name }) => this.#values.get(name)!);
    // A convolution and its normalisation wait for the activation behind them.
    if (kind === "Conv2D" || kind === "BatchNormalization") return undefined;
    if (kind === "Activation") return this.#normalized(layer);
    if (kind === "MaxPooling2D") return maxPool2d(inputs()[0], windowOf(config));
    if (kind === "AveragePooling2D") {
      return avgPool2d(inputs()[0], { ...windowOf(config), countPadding: false });
    }
    if (kind === "Concatenate") return concat(inputs(), 1);
    if (kind === "Dropout" || kind === "Flatten") return inputs()[0];
    if (kind === "Dense") return this.#dense(inputs()[0], layer);
    throw new Error(`Cannot compute ${layer.name}: there is no rule for ${kind}`);
  }

  #sources({ inbound_nodes: [node] }: KerasLayer): KerasLayer[] {
    return node.map(([name]) => this.#layers.get(name)!);
  }

  #weight(layer: KerasLayer, name: string): KerasWeight {
    return this.model.weights.get(`${layer.name}/${name}`)!;
  }

  /** ReLU of the batch normalisation of a convolution, as one convolution. */
  #normalized(activation: KerasLayer): Tensor {
    const [norm] = this.#sources(activation);
    const [conv] = this.#sources(norm);
    const [source] = this.#sources(conv);
    const kernel = outputsFirst(this.#weight(conv, "kernel"));
    const [beta, mean, variance] = ["beta", "moving_mean", "moving_variance"].map((name) =>
      this.#weight(norm, name).data
    );
    const factor = Array.from(variance, (value) => 1 / Math.sqrt(value + norm.config.epsilon!));
    const each = kernel.data.length / factor.length;
    const weight = kernel.data.map((value, i) => value * factor[Math.floor(i / each)]);
    const bias = beta.map((value, o) => value - mean[o] * factor[o]);
    const { padding, strides: stride } = conv.config;
    return this.#convolve(this.#values.get(source.name)!, { ...kernel, data: weight }, bias, {
      stride,
      padding: paddingOf(padding, [kernel.shape[2], kernel.shape[3]]),
      activation: "relu",
    });
  }

  /** On `f32[B, C, 1, 1]`, where flattening changes no order. */
  #dense(x: Tensor, layer: KerasLayer): Tensor {
    const { shape: [inputs, outputs], data } = this.#weight(layer, "kernel");
    const kernel = outputsFirst({ shape: [1, 1, inputs, outputs], data });
    const rectified = layer.config.activation === "relu";
    const out = this.#convolve(
      x,
      kernel,
      this.#weight(layer, "bias").data,
      rectified ? { activation: "relu" } : {},
    );
    return rectified ? out : softmax(reshape(out, [x.shape[0], outputs]));
  }

  #convolve(
    x: Tensor,
    weight: KerasWeight,
    bias: Float32Array<ArrayBuffer>,
    options: Conv2dOptions,
  ): Tensor {
    const { device } = this;
    return conv2d(x, device.tensor(weight.shape, weight.data), device.tensor([bias.length], bias), options);
  }
}

function windowOf({ pool_size: kernel, strides: stride, padding }: KerasLayer["config"]) {
  return { kernel: kernel!, stride: stride!, padding: paddingOf(padding, kernel!) };
}

/** Of "same" at stride 1 with odd windows, which are all that occur. */
function paddingOf(padding: "same" | "valid" | undefined, [rows, columns]: readonly [number, number]) {
  return padding === "same" ? [(rows - 1) / 2, (columns - 1) / 2] as const : [0, 0] as const;
}

/** `[kh, kw, C, O]` as `[O, C, kh, kw]`. */
function outputsFirst({ shape: [kh, kw, channels, outputs], data }: KerasWeight): KerasWeight {
  const result = new Float32Array(data.length);
  const plane = kh * kw;
  data.forEach((value, i) => {
    const o = i % outputs, c = Math.floor(i / outputs) % channels;
    result[(o * channels + c) * plane + Math.floor(i / (outputs * channels))] = value;
  });
  return { shape: [outputs, channels, kh, kw], data: result };
}
