import { ShapeError } from "../../engine/core/errors.ts";
import { f32, formatSpec, type Spec } from "../../engine/core/spec.ts";

/** A number for rows and one for columns. */
export type PoolPair = readonly [rows: number, columns: number];

/** Windows of a pooling. */
export interface PoolWindow {
  /** Size of a window. */
  readonly kernel: PoolPair;
  /** From one window to the next. */
  readonly stride: PoolPair;
  /** Around the image on all sides, less than the kernel. */
  readonly padding: PoolPair;
}

/** An image of many planes, and its windows. */
export interface PoolGeometry extends PoolWindow {
  /** Samples times channels. */
  readonly planes: number;
  /** Rows and columns of the image. */
  readonly size: PoolPair;
  /** Rows and columns of windows. */
  readonly out: PoolPair;
}

/**
 * Reads `f32[B, C, H, W]` as planes with windows.
 *
 * @throws {ShapeError} when the rank is not 4, a number does not fit, or no window fits in the image
 */
export function poolGeometry(name: string, x: Spec, { kernel, stride, padding }: PoolWindow): PoolGeometry {
  const [batch, channels, ...size] = x.shape;
  if (x.shape.length !== 4) {
    throw new ShapeError(`Cannot ${name} ${formatSpec(x)}: f32[B, C, H, W] wanted`);
  }
  const out = size.map((extent, d) => {
    checkWindow(name, x, kernel[d], stride[d], padding[d]);
    return Math.floor((extent + 2 * padding[d] - kernel[d]) / stride[d]) + 1;
  });
  if (out.some((extent) => extent < 1)) {
    throw new ShapeError(
      `Cannot ${name} ${formatSpec(x)} by windows of [${
        kernel.join(", ")
      }]: wanted at most the padded size ` +
        `[${size.map((extent, d) => extent + 2 * padding[d]).join(", ")}]`,
    );
  }
  const pair = ([rows, columns]: readonly number[]): PoolPair => [rows, columns];
  return { planes: batch * channels, size: pair(size), out: pair(out), kernel, stride, padding };
}

function checkWindow(name: string, x: Spec, kernel: number, stride: number, padding: number): void {
  const whole = [kernel, stride, padding].every(Number.isInteger);
  if (whole && kernel >= 1 && stride >= 1 && padding >= 0 && padding < kernel) return;
  throw new ShapeError(
    `Cannot ${name} ${formatSpec(x)} with kernel ${kernel}, stride ${stride} and padding ${padding}: whole ` +
      `numbers wanted, kernel and stride of at least 1, padding from 0 to kernel - 1`,
  );
}

/** The output of a pooling: `f32[B, C, H', W']`. */
export function pooledSpec(x: Spec, { out }: PoolGeometry): Spec {
  return f32(x.shape[0], x.shape[1], ...out);
}

/** The part of window `o` that lies in the image, along one axis: from `first` to before `end`. */
export function windowSpan(
  { kernel, stride, padding, size }: PoolGeometry,
  axis: 0 | 1,
  o: number,
): PoolPair {
  const start = o * stride[axis] - padding[axis];
  return [Math.max(0, start), Math.min(size[axis], start + kernel[axis])];
}
