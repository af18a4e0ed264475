import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape } from "../../engine/core/shape.ts";
import { f32, formatSpec, type Spec } from "../../engine/core/spec.ts";

/** Rows and columns of zeros around an image. */
export interface Conv2dPadding {
  /** Rows above. */
  readonly top: number;
  /** Rows below. */
  readonly bottom: number;
  /** Columns to the left. */
  readonly left: number;
  /** Columns to the right. */
  readonly right: number;
}

/** How the kernel moves over the image. */
export interface Conv2dWindow {
  /** Rows and columns from one position of the kernel to the next. */
  readonly stride: readonly [rows: number, columns: number];
  /** Zeros around the image. */
  readonly padding: Conv2dPadding;
}

/** Attributes of a convolution. */
export interface Conv2dAttrs extends Conv2dWindow {
  /** What is applied after the bias. */
  readonly activation: "none" | "relu";
}

/** Attributes of the gradient of the image. */
export interface Conv2dInputGradientAttrs extends Conv2dWindow {
  /** Rows of the image. */
  readonly height: number;
  /** Columns of the image. */
  readonly width: number;
}

/** Attributes of the gradient of the weight. */
export interface Conv2dWeightGradientAttrs extends Conv2dWindow {
  /** Rows and columns of the kernel. */
  readonly kernel: readonly [rows: number, columns: number];
}

/** A convolution of images `[batch, channels, height, width]` by a weight `[outputs, channels, kernelRows, kernelColumns]`. */
export interface Conv2dSizes extends Conv2dWindow {
  /** Images. */
  readonly batch: number;
  /** Channels of an image. */
  readonly channels: number;
  /** Rows of an image. */
  readonly height: number;
  /** Columns of an image. */
  readonly width: number;
  /** Channels of the output. */
  readonly outputs: number;
  /** Rows of the kernel. */
  readonly kernelRows: number;
  /** Columns of the kernel. */
  readonly kernelColumns: number;
  /** Rows of the output. */
  readonly outRows: number;
  /** Columns of the output. */
  readonly outColumns: number;
}

/**
 * Sizes of a convolution of x `f32[B, C, H, W]` by a weight `f32[O, C, kh, kw]`.
 *
 * @throws {ShapeError} when ranks or channels differ, the kernel is larger than the padded image, a stride is below 1 or
 * a padding below 0
 */
export function conv2dSizes(x: Spec, weight: Spec, { stride, padding }: Conv2dWindow): Conv2dSizes {
  const fail = (reason: string): never => {
    throw new ShapeError(`Cannot conv2d ${formatSpec(x)} by ${formatSpec(weight)}: ${reason}`);
  };
  if (x.shape.length !== 4) fail(`an image f32[B, C, H, W] wanted, got ${x.shape.length} dimensions`);
  if (weight.shape.length !== 4) {
    fail(`a weight f32[O, C, kh, kw] wanted, got ${weight.shape.length} dimensions`);
  }
  const [batch, channels, height, width] = x.shape;
  const [outputs, inner, kernelRows, kernelColumns] = weight.shape;
  if (inner !== channels) fail(`channels must match, got ${channels} and ${inner}`);
  const { top, bottom, left, right } = padding;
  if (!stride.every((step) => Number.isInteger(step) && step >= 1)) {
    fail(`strides must be whole numbers of at least 1, got [${stride.join(", ")}]`);
  }
  if (![top, bottom, left, right].every((zeros) => Number.isInteger(zeros) && zeros >= 0)) {
    fail(
      `paddings must be whole numbers of at least 0, got ${top} top, ${bottom} bottom, ${left} left, ${right} right`,
    );
  }
  const rows = height + top + bottom, columns = width + left + right;
  if (kernelRows > rows || kernelColumns > columns) {
    fail(`a kernel of ${kernelRows}x${kernelColumns} is larger than the padded image of ${rows}x${columns}`);
  }
  const outRows = Math.floor((rows - kernelRows) / stride[0]) + 1;
  const outColumns = Math.floor((columns - kernelColumns) / stride[1]) + 1;
  const sizes = { batch, channels, height, width, outputs, kernelRows, kernelColumns, outRows, outColumns };
  return { ...sizes, stride, padding };
}

/** Spec of the output, `f32[B, O, H', W']`. */
export function outputSpec({ batch, outputs, outRows, outColumns }: Conv2dSizes): Spec {
  return f32(batch, outputs, outRows, outColumns);
}

/** Floating-point operations of the convolution, and of each of its gradients; padding counts as work. */
export function conv2dFlops(sizes: Conv2dSizes): number {
  const { batch, channels, outputs, kernelRows, kernelColumns, outRows, outColumns } = sizes;
  return 2 * batch * outputs * outRows * outColumns * channels * kernelRows * kernelColumns;
}

/**
 * Sizes of the convolution whose output has the gradient `grad`, from the weight.
 *
 * @throws {ShapeError} when the gradient is not that of such an output
 */
export function inputGradientSizes(grad: Spec, weight: Spec, attrs: Conv2dInputGradientAttrs): Conv2dSizes {
  const x = f32(grad.shape[0], weight.shape[1], attrs.height, attrs.width);
  return expectGradient(grad, conv2dSizes(x, weight, attrs), "the image");
}

/**
 * Sizes of the convolution of x whose output has the gradient `grad`.
 *
 * @throws {ShapeError} when the gradient is not that of such an output
 */
export function weightGradientSizes(x: Spec, grad: Spec, attrs: Conv2dWeightGradientAttrs): Conv2dSizes {
  const weight = f32(grad.shape[1], x.shape[1], ...attrs.kernel);
  return expectGradient(grad, conv2dSizes(x, weight, attrs), "the weight");
}

function expectGradient(grad: Spec, sizes: Conv2dSizes, of: string): Conv2dSizes {
  const wanted = outputSpec(sizes);
  if (!sameShape(grad.shape, wanted.shape)) {
    throw new ShapeError(
      `Cannot differentiate conv2d by ${of}: a gradient ${formatSpec(wanted)} wanted, got ${
        formatSpec(grad)
      }`,
    );
  }
  return sizes;
}
