import { sizeOf } from "../../engine/core/shape.ts";
import type { RecordedCall } from "../../engine/program/recorder.ts";

/** Operations of a gated kernel beside its two products, for each output: `silu(gate) * up`. */
const GATE = 6;

const KINDS: Readonly<Record<string, "linear" | "experts">> = {
  matmul: "linear",
  gated_linear: "linear",
  grouped_matmul: "experts",
  grouped_gated_linear: "experts",
};

/** Operations of all matrix products of a kind, without what a kernel does beside them. */
export function productFlops(
  calls: readonly RecordedCall[],
  kind: "linear" | "experts",
  /** Share of the rows that counts, given their number; all of them unless told. */
  fraction: (rows: number) => number = () => 1,
): number {
  return calls.filter(({ kernel }) => KINDS[kernel.name] === kind)
    .reduce((sum, { kernel, inputs, attrs, outputs }) => {
      const specs = inputs.map(({ spec }) => spec);
      const beside = outputs.length > 1 ? GATE * sizeOf(outputs[0].shape) : 0;
      return sum + (kernel.cost(specs, attrs).flops - beside) * fraction(specs[0].shape[0]);
    }, 0);
}
