import type { View } from "../../engine/kernel.ts";
import { rowsOf } from "../reduce/rows.ts";

/** Mean and `1 / sqrt(variance + eps)` of `width` numbers from `start` on. */
function statistics(data: View["data"], start: number, width: number, eps: number): [number, number] {
  let mean = 0;
  for (let c = 0; c < width; c++) mean += data[start + c] / width;
  let variance = 0;
  for (let c = 0; c < width; c++) variance += (data[start + c] - mean) ** 2 / width;
  return [mean, 1 / Math.sqrt(variance + eps)];
}

/** `(x - mean) / sqrt(variance + eps) * weight + bias` of every row, in f64; inputs are x, or x, weight, bias. */
export function layernormReference([x, weight, bias]: readonly View[], y: View, eps: number): void {
  const { rows, width } = rowsOf("layernorm", x.spec);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const [mean, scale] = statistics(x.data, start, width, eps);
    for (let c = 0; c < width; c++) {
      const normal = (x.data[start + c] - mean) * scale;
      y.data[start + c] = weight ? normal * weight.data[c] + bias.data[c] : normal;
    }
  }
}

/** Gradient of the input, mean and scale of every row, in f64; inputs are g, x, and the weight if there is one. */
export function layernormBackwardReference(
  [g, x, weight]: readonly View[],
  [dx, rowMean, rowScale]: readonly View[],
  eps: number,
): void {
  const { rows, width } = rowsOf("layernorm_backward", x.spec);
  const h = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const [mean, scale] = statistics(x.data, start, width, eps);
    let [meanH, meanHn] = [0, 0];
    for (let c = 0; c < width; c++) {
      h[c] = g.data[start + c] * (weight ? weight.data[c] : 1);
      meanH += h[c] / width;
      meanHn += h[c] * (x.data[start + c] - mean) * scale / width;
    }
    for (let c = 0; c < width; c++) {
      const normal = (x.data[start + c] - mean) * scale;
      dx.data[start + c] = scale * (h[c] - meanH - normal * meanHn);
    }
    rowMean.data[row] = mean;
    rowScale.data[row] = scale;
  }
}
