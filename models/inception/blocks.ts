/**
 * The blocks of Inception v3 (Szegedy et al., arXiv 1512.00567) with the pools of the graph that FID is defined by
 * (reference behaviours 59, 60). Branches are joined along the channels, in the order in which they are written.
 *
 * @module
 */
import type { Tensor } from "../../engine/tensor.ts";
import { avgPool2d, maxPool2d } from "../../kernels/pool/mod.ts";
import { concat } from "../../kernels/split/mod.ts";
import { type BasicConv, chain, type ConvScope } from "./conv.ts";

/** What every block is: `f32[B, C, H, W] -> f32[B, C', H', W']`. */
export interface InceptionBlock {
  /** Applies the block. */
  forward(x: Tensor): Tensor;
}

/** Average of 3x3 pixels; those outside the image are not counted. */
function averageAround(x: Tensor): Tensor {
  return avgPool2d(x, { kernel: 3, stride: 1, padding: 1, countPadding: false });
}

/** Largest of 3x3 pixels. */
function largestAround(x: Tensor): Tensor {
  return maxPool2d(x, { kernel: 3, stride: 1, padding: 1 });
}

/** Largest of 3x3 pixels, half the resolution. */
export function largestOfHalf(x: Tensor): Tensor {
  return maxPool2d(x, { kernel: 3, stride: 2 });
}

/** `Mixed_5b`, `Mixed_5c`, `Mixed_5d`: 1x1, 5x5 and twice 3x3 on 35x35 pixels. */
export class Mixed5 implements InceptionBlock {
  readonly #branch1x1: BasicConv;
  readonly #branch5x5: readonly BasicConv[];
  readonly #branch3x3dbl: readonly BasicConv[];
  readonly #branchPool: BasicConv;

  /** Declares the parameters. */
  constructor(scope: ConvScope, inputs: number, poolOutputs: number) {
    this.#branch1x1 = scope.conv("branch1x1", inputs, 64, 1);
    this.#branch5x5 = [
      scope.conv("branch5x5_1", inputs, 48, 1),
      scope.conv("branch5x5_2", 48, 64, 5),
    ];
    this.#branch3x3dbl = [
      scope.conv("branch3x3dbl_1", inputs, 64, 1),
      scope.conv("branch3x3dbl_2", 64, 96, 3),
      scope.conv("branch3x3dbl_3", 96, 96, 3),
    ];
    this.#branchPool = scope.conv("branch_pool", inputs, poolOutputs, 1);
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, 35, 35]`
   * @returns `f32[B, 64 + 64 + 96 + P, 35, 35]`
   */
  forward(x: Tensor): Tensor {
    return concat([
      this.#branch1x1.forward(x), // f32[B, 64, 35, 35]
      chain(x, ...this.#branch5x5), // f32[B, 64, 35, 35]
      chain(x, ...this.#branch3x3dbl), // f32[B, 96, 35, 35]
      this.#branchPool.forward(averageAround(x)), // f32[B, P, 35, 35]
    ], 1);
  }
}

/** `Mixed_6a`: from 35x35 to 17x17 pixels. */
export class Mixed6a implements InceptionBlock {
  readonly #branch3x3: BasicConv;
  readonly #branch3x3dbl: readonly BasicConv[];

  /** Declares the parameters. */
  constructor(scope: ConvScope, inputs: number) {
    this.#branch3x3 = scope.conv("branch3x3", inputs, 384, 3, { stride: 2, padding: 0 });
    this.#branch3x3dbl = [
      scope.conv("branch3x3dbl_1", inputs, 64, 1),
      scope.conv("branch3x3dbl_2", 64, 96, 3),
      scope.conv("branch3x3dbl_3", 96, 96, 3, { stride: 2, padding: 0 }),
    ];
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, 35, 35]`
   * @returns `f32[B, 384 + 96 + C, 17, 17]`
   */
  forward(x: Tensor): Tensor {
    return concat([
      this.#branch3x3.forward(x), // f32[B, 384, 17, 17]
      chain(x, ...this.#branch3x3dbl), // f32[B, 96, 17, 17]
      largestOfHalf(x), // f32[B, C, 17, 17]
    ], 1);
  }
}

/** `Mixed_6b` to `Mixed_6e`: 7x7 convolutions as rows and columns, on 17x17 pixels. */
export class Mixed6 implements InceptionBlock {
  readonly #branch1x1: BasicConv;
  readonly #branch7x7: readonly BasicConv[];
  readonly #branch7x7dbl: readonly BasicConv[];
  readonly #branchPool: BasicConv;

  /** Declares the parameters; `inner` is the width between the convolutions of a branch. */
  constructor(scope: ConvScope, inner: number) {
    this.#branch1x1 = scope.conv("branch1x1", 768, 192, 1);
    this.#branch7x7 = [
      scope.conv("branch7x7_1", 768, inner, 1),
      scope.conv("branch7x7_2", inner, inner, [1, 7]),
      scope.conv("branch7x7_3", inner, 192, [7, 1]),
    ];
    this.#branch7x7dbl = [
      scope.conv("branch7x7dbl_1", 768, inner, 1),
      scope.conv("branch7x7dbl_2", inner, inner, [7, 1]),
      scope.conv("branch7x7dbl_3", inner, inner, [1, 7]),
      scope.conv("branch7x7dbl_4", inner, inner, [7, 1]),
      scope.conv("branch7x7dbl_5", inner, 192, [1, 7]),
    ];
    this.#branchPool = scope.conv("branch_pool", 768, 192, 1);
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, 768, 17, 17]`
   * @returns `f32[B, 4*192, 17, 17]`
   */
  forward(x: Tensor): Tensor {
    return concat([
      this.#branch1x1.forward(x), // f32[B, 192, 17, 17]
      chain(x, ...this.#branch7x7), // f32[B, 192, 17, 17]
      chain(x, ...this.#branch7x7dbl), // f32[B, 192, 17, 17]
      this.#branchPool.forward(averageAround(x)), // f32[B, 192, 17, 17]
    ], 1);
  }
}

/** `Mixed_7a`: from 17x17 to 8x8 pixels. */
export class Mixed7a implements InceptionBlock {
  readonly #branch3x3: readonly BasicConv[];
  readonly #branch7x7x3: readonly BasicConv[];

  /** Declares the parameters. */
  constructor(scope: ConvScope) {
    this.#branch3x3 = [
      scope.conv("branch3x3_1", 768, 192, 1),
      scope.conv("branch3x3_2", 192, 320, 3, { stride: 2, padding: 0 }),
    ];
    this.#branch7x7x3 = [
      scope.conv("branch7x7x3_1", 768, 192, 1),
      scope.conv("branch7x7x3_2", 192, 192, [1, 7]),
      scope.conv("branch7x7x3_3", 192, 192, [7, 1]),
      scope.conv("branch7x7x3_4", 192, 192, 3, { stride: 2, padding: 0 }),
    ];
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, 768, 17, 17]`
   * @returns `f32[B, 320 + 192 + 768, 8, 8]`
   */
  forward(x: Tensor): Tensor {
    return concat([
      chain(x, ...this.#branch3x3), // f32[B, 320, 8, 8]
      chain(x, ...this.#branch7x7x3), // f32[B, 192, 8, 8]
      largestOfHalf(x), // f32[B, 768, 8, 8]
    ], 1);
  }
}

/** `Mixed_7b` and `Mixed_7c`: 3x3 convolutions split into a row and a column side by side, on 8x8 pixels. */
export class Mixed7 implements InceptionBlock {
  readonly #branch1x1: BasicConv;
  readonly #branch3x3: BasicConv;
  readonly #ends3x3: readonly BasicConv[];
  readonly #branch3x3dbl: readonly BasicConv[];
  readonly #ends3x3dbl: readonly BasicConv[];
  readonly #branchPool: BasicConv;

  /**
   * Declares the parameters.
   *
   * @param pool `maximum` in `Mixed_7c`, as the graph of FID has it
   */
  constructor(scope: ConvScope, inputs: number, private readonly pool: "average" | "maximum") {
    this.#branch1x1 = scope.conv("branch1x1", inputs, 320, 1);
    this.#branch3x3 = scope.conv("branch3x3_1", inputs, 384, 1);
    this.#ends3x3 = [
      scope.conv("branch3x3_2a", 384, 384, [1, 3]),
      scope.conv("branch3x3_2b", 384, 384, [3, 1]),
    ];
    this.#branch3x3dbl = [
      scope.conv("branch3x3dbl_1", inputs, 448, 1),
      scope.conv("branch3x3dbl_2", 448, 384, 3),
    ];
    this.#ends3x3dbl = [
      scope.conv("branch3x3dbl_3a", 384, 384, [1, 3]),
      scope.conv("branch3x3dbl_3b", 384, 384, [3, 1]),
    ];
    this.#branchPool = scope.conv("branch_pool", inputs, 192, 1);
  }

  /**
   * Applies the block.
   *
   * @param x `f32[B, C, 8, 8]`
   * @returns `f32[B, 320 + 2*384 + 2*384 + 192, 8, 8]`
   */
  forward(x: Tensor): Tensor {
    const single = this.#branch3x3.forward(x); // f32[B, 384, 8, 8]
    const double = chain(x, ...this.#branch3x3dbl); // f32[B, 384, 8, 8]
    const pooled = this.pool === "average" ? averageAround(x) : largestAround(x); // f32[B, C, 8, 8]
    return concat([
      this.#branch1x1.forward(x), // f32[B, 320, 8, 8]
      ...this.#ends3x3.map((end) => end.forward(single)), // f32[B, 384, 8, 8] each
      ...this.#ends3x3dbl.map((end) => end.forward(double)), // f32[B, 384, 8, 8] each
      this.#branchPool.forward(pooled), // f32[B, 192, 8, 8]
    ], 1);
  }
}
