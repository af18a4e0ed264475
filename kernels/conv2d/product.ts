import type { Conv2dSizes } from "./sizes.ts";

/**
 * What the columns of an implicit matrix are made of. Column (r, q) belongs to a position on a grid; its element
 * (channel, i, j) is pixel `(origin + r stride + i, origin + q stride + j)` of that channel, or 0 outside the image.
 */
export interface Gather {
  /** Images. */
  readonly batch: number;
  /** Channels of an image. */
  readonly channels: number;
  /** Rows of an image. */
  readonly height: number;
  /** Columns of an image. */
  readonly width: number;
  /** Rows of the grid. */
  readonly rows: number;
  /** Columns of the grid. */
  readonly columns: number;
  /** Pixels from one position to the next. */
  readonly stride: readonly [rows: number, columns: number];
  /** The pixel of the first position and tap; negative where there is padding. */
  readonly origin: readonly [row: number, column: number];
  /** Rows and columns of pixels that one position sees. */
  readonly taps: readonly [rows: number, columns: number];
}

/** Where element (row, channel, i, j) of the weights lies, in elements: `base` plus the sum of index times stride. */
export interface WeightLayout {
  /** The first element. */
  readonly base: number;
  /** From one row to the next. */
  readonly row: number;
  /** From one channel to the next. */
  readonly channel: number;
  /** From one tap to the next, down and across. */
  readonly taps: readonly [i: number, j: number];
}

/** Where position (r, q) of the grid goes: pixel `(offset + r step, offset + q step)` of a larger image. */
export interface Placement {
  /** Rows of that image. */
  readonly height: number;
  /** Columns of that image. */
  readonly width: number;
  /** Pixel of the first position. */
  readonly offset: readonly [row: number, column: number];
  /** Pixels from one position to the next. */
  readonly step: readonly [rows: number, columns: number];
}

/** What follows the sums of a product. */
export interface Epilogue {
  /** Whether each row has a bias. */
  readonly bias: boolean;
  /** Whether negative results become 0. */
  readonly relu: boolean;
}

/** For every image: output[rows, positions] = weights[rows, k] times the implicit matrix [k, positions], plus bias. */
export interface Product extends Epilogue {
  /** The implicit matrix. */
  readonly gather: Gather;
  /** Rows of weights: channels of the output. */
  readonly rows: number;
  /** Where the weights are. */
  readonly weights: WeightLayout;
  /** Where the results go. */
  readonly placement: Placement;
}

/** The convolution as a product of the weight and the windows of the image. */
export function forwardProduct(sizes: Conv2dSizes, epilogue: Epilogue): Product {
  const { channels, outputs, kernelRows, kernelColumns } = sizes;
  const taps = kernelRows * kernelColumns;
  return dense(windowsOf(sizes), {
    ...epilogue,
    rows: outputs,
    weights: { base: 0, row: channels * taps, channel: taps, taps: [kernelColumns, 1] },
  });
}

/** The windows of the image that the kernel sees, one a pixel of the output. */
export function windowsOf(sizes: Conv2dSizes): Gather {
  const { batch, channels, height, width, outRows, outColumns, stride, padding } = sizes;
  return {
    ...{ batch, channels, height, width, stride, rows: outRows, columns: outColumns },
    origin: [-padding.top, -padding.left],
    taps: [sizes.kernelRows, sizes.kernelColumns],
  };
}

/** A product whose positions are the pixels of its output. */
function dense(windows: Gather, product: Omit<Product, "gather" | "placement">): Product {
  const gather = flattened(windows);
  const placement = { height: gather.rows, width: gather.columns, offset: [0, 0], step: [1, 1] } as const;
  return { ...product, gather, placement };
}

/**
 * The gradient of the image: for each phase of the stride, the pixels of that phase are a convolution with stride 1 of
 * the output's gradient, by the taps that reach them, in reverse order. A phase that no tap reaches has no channels.
 */
export function inputGradientProducts(sizes: Conv2dSizes): Product[] {
  const { stride, padding, height, width, kernelRows, kernelColumns } = sizes;
  const alongRows = phasesOf(height, stride[0], padding.top, kernelRows);
  const alongColumns = phasesOf(width, stride[1], padding.left, kernelColumns);
  return alongRows.flatMap((y) => alongColumns.map((x) => phaseProduct(sizes, y, x)));
}

/** Pixels `offset`, `offset + stride`, ... of an axis, and the taps of the kernel that reach them. */
interface Phase {
  /** First pixel. */
  readonly offset: number;
  /** Number of pixels. */
  readonly count: number;
  /** Number of taps. */
  readonly taps: number;
  /** The last tap, which meets the first of the outputs that see the pixel. */
  readonly lastTap: number;
  /** The output that the last tap belongs to, at the first pixel; negative where there is none. */
  readonly origin: number;
}

/** Pixel y sees tap t where `y + padding - t` is a multiple of the stride: tap by tap the phases share nothing. */
function phasesOf(size: number, stride: number, padding: number, kernel: number): Phase[] {
  return Array.from({ length: Math.min(stride, size) }, (_, offset) => {
    const firstTap = (offset + padding) % stride;
    const taps = Math.max(0, Math.ceil((kernel - firstTap) / stride));
    const lastTap = firstTap + (taps - 1) * stride;
    const origin = (offset + padding - lastTap) / stride;
    return { offset, count: Math.ceil((size - offset) / stride), taps, lastTap, origin };
  });
}

function phaseProduct(sizes: Conv2dSizes, y: Phase, x: Phase): Product {
  const { batch, channels, height, width, outputs, kernelRows, kernelColumns, outRows, outColumns } = sizes;
  const { stride } = sizes, taps = kernelRows * kernelColumns;
  const gather: Gather = {
    ...{ batch, height: outRows, width: outColumns, rows: y.count, columns: x.count },
    channels: y.taps * x.taps > 0 ? outputs : 0,
    stride: [1, 1],
    origin: [y.origin, x.origin],
    taps: [Math.max(1, y.taps), Math.max(1, x.taps)],
  };
  const weights = {
    base: y.lastTap * kernelColumns + x.lastTap,
    row: taps,
    channel: channels * taps,
    taps: [-stride[0] * kernelColumns, -stride[1]],
  } as const;
  const product = { rows: channels, weights, bias: false, relu: false };
  if (stride[0] * stride[1] === 1) return dense(gather, product);
  const placement = { height, width, offset: [y.offset, x.offset], step: stride } as const;
  return { ...product, gather, placement };
}

/** Without taps, stride and padding an image is one long row. */
export function flattened(gather: Gather): Gather {
  const { height, width, rows, columns } = gather;
  if (!isDirect(gather)) return gather;
  return { ...gather, height: 1, width: height * width, rows: 1, columns: rows * columns };
}

/** Whether a position sees one pixel, its own. */
export function isDirect({ stride, origin, taps, height, width, rows, columns }: Gather): boolean {
  return taps[0] * taps[1] === 1 && stride[0] * stride[1] === 1 && origin[0] === 0 && origin[1] === 0 &&
    height === rows && width === columns;
}
