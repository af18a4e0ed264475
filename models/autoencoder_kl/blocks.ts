import { xavierUniform, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2d } from "../../kernels/conv2d/mod.ts";
import { add, scale } from "../../kernels/elementwise/mod.ts";
import { matmul } from "../../kernels/matmul/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { resizeNearest } from "../../kernels/resize/mod.ts";
import { softmax } from "../../kernels/softmax/mod.ts";
import type { Probe } from "../model.ts";
import { Conv2d, GroupNorm } from "./layers.ts";

/** Two convolutions, each behind a normalisation, plus the input (reference behaviour 49). */
export class ResidualBlock {
  readonly #norm1: GroupNorm;
  readonly #conv1: Conv2d;
  readonly #norm2: GroupNorm;
  readonly #conv2: Conv2d;
  readonly #shortcut: Conv2d | undefined;

  /** Declares the parameters; the shortcut's only where the number of channels changes. */
  constructor(scope: ParamScope, inputs: number, outputs: number, groups: number) {
    this.#norm1 = new GroupNorm(scope.sub("norm1"), groups, inputs);
    this.#conv1 = new Conv2d(scope.sub("conv1"), inputs, outputs, 3);
    this.#norm2 = new GroupNorm(scope.sub("norm2"), groups, outputs);
    this.#conv2 = new Conv2d(scope.sub("conv2"), outputs, outputs, 3);
    if (inputs !== outputs) this.#shortcut = new Conv2d(scope.sub("conv_shortcut"), inputs, outputs, 1);
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, O, H, W]`
   */
  forward(x: Tensor): Tensor {
    const h = this.#conv1.forward(this.#norm1.activated(x)); // f32[B, O, H, W]
    const out = this.#conv2.forward(this.#norm2.activated(h)); // f32[B, O, H, W]
    return add(this.#shortcut?.forward(x) ?? x, out);
  }
}

/** A linear map over channels, stored as `f32[C, C]` and applied to images as a 1x1 convolution. */
class ChannelMap {
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  constructor(scope: ParamScope, private readonly channels: number) {
    this.#weight = scope.parameter("weight", [channels, channels], { init: xavierUniform() });
    this.#bias = scope.parameter("bias", [channels], { init: zeros() });
  }

  forward(x: Tensor): Tensor {
    const weight = reshape(this.#weight.tensor, [this.channels, this.channels, 1, 1]);
    return conv2d(x, weight, this.#bias.tensor);
  }
}

/**
 * Self-attention of pixels with one head over all channels (reference behaviour 51). Channels stay in front, so that
 * neither pixels nor weights are transposed; the `f32[B, N, N]` of N = H*W pixels is stored, 4 MiB for 32x32.
 */
export class SpatialAttention {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #norm: GroupNorm;
  readonly #q: ChannelMap;
  readonly #k: ChannelMap;
  readonly #v: ChannelMap;
  readonly #out: ChannelMap;

  /** Declares the parameters. */
  constructor(scope: ParamScope, channels: number, groups: number) {
    this.path = scope.path;
    this.#norm = new GroupNorm(scope.sub("group_norm"), groups, channels);
    this.#q = new ChannelMap(scope.sub("to_q"), channels);
    this.#k = new ChannelMap(scope.sub("to_k"), channels);
    this.#v = new ChannelMap(scope.sub("to_v"), channels);
    this.#out = new ChannelMap(scope.sub("to_out.0"), channels);
  }

  /**
   * Lets every pixel look at every other.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, C, H, W]`
   */
  forward(x: Tensor): Tensor {
    return x.device.at(this.path, () => {
      const [batch, channels, height, width] = x.shape;
      const pixels = (image: Tensor) => reshape(image, [batch, channels, height * width]);
      const h = this.#norm.forward(x); // f32[B, C, H, W]
      const q = pixels(scale(this.#q.forward(h), 1 / Math.sqrt(channels))); // f32[B, C, N]
      const k = pixels(this.#k.forward(h)); // f32[B, C, N]
      const v = pixels(this.#v.forward(h)); // f32[B, C, N]
      const weights = softmax(matmul(q, k, { transA: true })); // f32[B, N, N], a row a query
      const mixed = matmul(v, weights, { transB: true }); // f32[B, C, N]
      return add(x, this.#out.forward(reshape(mixed, x.shape)));
    });
  }
}

/** Residual block, attention, residual block, at the lowest resolution. */
export class MiddleBlock {
  readonly #attention: SpatialAttention;
  readonly #blocks: readonly ResidualBlock[];

  /** Declares the parameters. */
  constructor(private readonly scope: ParamScope, channels: number, groups: number) {
    this.#attention = new SpatialAttention(scope.sub("attentions.0"), channels, groups);
    this.#blocks = [0, 1].map((i) =>
      new ResidualBlock(scope.sub(`resnets.${i}`), channels, channels, groups)
    );
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, C, H, W]`
   */
  forward(x: Tensor, probe: Probe): Tensor {
    const { path } = this.scope;
    const before = this.#blocks[0].forward(x); // f32[B, C, H, W]
    probe(`${path}.resnets.0`, before);
    const mixed = this.#attention.forward(before); // f32[B, C, H, W]
    probe(`${path}.attentions.0`, mixed);
    const out = this.#blocks[1].forward(mixed); // f32[B, C, H, W]
    probe(path, out);
    return out;
  }
}

/** The blocks of one resolution, the first of which changes the number of channels. */
function residualBlocks(
  scope: ParamScope,
  inputs: number,
  outputs: number,
  layers: number,
  groups: number,
): ResidualBlock[] {
  return Array.from(
    { length: layers },
    (_, i) => new ResidualBlock(scope.sub(`resnets.${i}`), i === 0 ? inputs : outputs, outputs, groups),
  );
}

/** Padding of a downsampling convolution: right and below only, so that a side of n becomes floor(n / 2). */
const BELOW_RIGHT = { top: 0, bottom: 1, left: 0, right: 1 };

/** Residual blocks of one resolution, then half of it (reference behaviours 47, 48). */
export class DownBlock {
  readonly #blocks: readonly ResidualBlock[];
  readonly #downsample: Conv2d | undefined;

  /**
   * Declares the parameters.
   *
   * @param last whether the resolution stays as it is
   */
  constructor(
    private readonly scope: ParamScope,
    inputs: number,
    outputs: number,
    layers: number,
    groups: number,
    last: boolean,
  ) {
    this.#blocks = residualBlocks(scope, inputs, outputs, layers, groups);
    if (last) return;
    const halving = { stride: 2, padding: BELOW_RIGHT };
    this.#downsample = new Conv2d(scope.sub("downsamplers.0.conv"), outputs, outputs, 3, halving);
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, O, H/2, W/2]`, or `f32[B, O, H, W]` of the last
   */
  forward(x: Tensor, probe: Probe): Tensor {
    const { path } = this.scope;
    let h = this.#blocks.reduce((own, block) => block.forward(own), x); // f32[B, O, H, W]
    if (this.#downsample) probe(`${path}.downsamplers.0`, h = this.#downsample.forward(h)); // f32[B, O, H/2, W/2]
    probe(path, h);
    return h;
  }
}

/** Residual blocks of one resolution, then twice of it (reference behaviour 52). */
export class UpBlock {
  readonly #blocks: readonly ResidualBlock[];
  readonly #upsample: Conv2d | undefined;

  /**
   * Declares the parameters.
   *
   * @param last whether the resolution stays as it is
   */
  constructor(
    private readonly scope: ParamScope,
    inputs: number,
    outputs: number,
    layers: number,
    groups: number,
    last: boolean,
  ) {
    this.#blocks = residualBlocks(scope, inputs, outputs, layers, groups);
    if (!last) this.#upsample = new Conv2d(scope.sub("upsamplers.0.conv"), outputs, outputs, 3);
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, O, 2*H, 2*W]`, or `f32[B, O, H, W]` of the last
   */
  forward(x: Tensor, probe: Probe): Tensor {
    const { path } = this.scope;
    const [, , height, width] = x.shape;
    let h = this.#blocks.reduce((own, block) => block.forward(own), x); // f32[B, O, H, W]
    if (this.#upsample) {
      const doubled = resizeNearest(h, 2 * height, 2 * width); // f32[B, O, 2*H, 2*W]
      probe(`${path}.upsamplers.0`, h = this.#upsample.forward(doubled));
    }
    probe(path, h);
    return h;
  }
}
