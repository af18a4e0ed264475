import { f32 } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import type { LinearBackwardAttrs, LinearSizes } from "./linear_backward.ts";
import source from "./linear_backward.wgsl" with { type: "text" };
import sumSource from "./linear_backward_sum.wgsl" with { type: "text" };
import { memoryOf, readerOf } from "./memory.ts";
import { registerTile, TILE_N } from "./tile.ts";
import { BUSY, depthOf, MOST_STEPS, sumLaunch } from "./webgpu.ts";

/** What a call has: gradients that are wanted, and whether earlier ones are added. */
interface Wanted extends LinearBackwardAttrs {
  readonly before: boolean;
}

/** One launch, or two where the rows are split. */
export function linearBackwardWebGpu(sizes: LinearSizes, wanted: Wanted, limits: Limits): WebGpuPlan {
  const { rows, n, k } = sizes;
  const height = n <= 32 ? 4 : 8;
  const depth = depthOf({ batch: 1, m: n, n: k, k: rows }, height, BUSY, Infinity);
  const splits = Math.ceil(rows / depth);
  const columns = Math.ceil(k / TILE_N);
  const tiles = splits * Math.ceil(n / (8 * height)) * columns;
  const inputTiles = wanted.input ? Math.ceil(rows / (8 * height)) * columns : 0;
  const inputs = 2 + Number(wanted.input) + Number(wanted.before);
  const outputs = [inputs, ...(wanted.bias ? [inputs + 1] : [])];
  const scratch = inputs + outputs.length + Number(wanted.input);
  const sums = splits === 1 ? outputs : outputs.map((_, i) => scratch + i);
  const dx = wanted.input ? [inputs + outputs.length] : [];
  const memory = memoryFor(wanted, k % 4 === 0 && n % 4 === 0);
  const launch: Launch = {
    source: registerTile({ rows: height, memory, transposition: VARIABLE }, limits) + source,
    overrides: { T: rows, N: n, K: k, SPLITS: splits, DEPTH: depth, CHAIN: MOST_STEPS },
    bindings: [...Array.from({ length: inputs }, (_, slot) => slot), ...sums, ...dx],
    groups: gridOf(tiles + inputTiles, limits),
  };
  if (splits === 1) return { launches: [launch] };
  const partial = [f32(splits, n * k), ...(wanted.bias ? [f32(splits, n)] : [])];
  return { launches: [launch, sumsLaunch(sizes, splits, sums, outputs, limits)], scratch: partial };
}

/** Adds up the splits of dW and, where there is one, of the bias's gradient. */
function sumsLaunch(
  { n, k }: LinearSizes,
  splits: number,
  partial: readonly Slot[],
  outputs: readonly Slot[],
  limits: Limits,
): Launch {
  const size = n * k;
  if (outputs.length === 1) return sumLaunch(splits, size, [partial[0], outputs[0]], limits);
  return {
    source: sumSource,
    overrides: { SPLITS: splits, SIZE: size, N: n },
    bindings: [...partial, ...outputs],
    groups: gridOf(Math.ceil((size + n) / 64), limits),
  };
}

/** The first operand is g in both products, stored transposed in one of them. */
const VARIABLE = `var<private> TRANS_A: bool;
const TRANS_B = false;
`;

/** The buffers of a call, and which of them is the second operand. */
function memoryFor({ bias, input, before }: Wanted, aligned: boolean): string {
  const read = ["g", "inputs", ...(input ? ["weight"] : []), ...(before ? ["before"] : [])];
  const written = ["dw", ...(bias ? ["db"] : []), ...(input ? ["dx"] : [])];
  return [
    wgslHeader({ BIAS: bias, INPUT: input }),
    memoryOf(
      [
        ...read.map((name) => [name, "read"] as const),
        ...written.map((name) => [name, "read_write"] as const),
      ],
      aligned,
    ),
    readerOf("dw", aligned),
    before ? "" : "fn read_before(at: u32, count: u32) -> vec4f { return vec4f(); }\n",
    bias ? "" : "fn write_db(at: u32, count: u32, value: vec4f) {}\n",
    input ? "" : "fn write_dx(at: u32, count: u32, value: vec4f) {}\n",
    "fn read_a(at: u32, count: u32) -> vec4f { return read_g(at, count); }\n",
    "fn read_b(at: u32, count: u32) -> vec4f {\n",
    input ? "  if (!TRANS_A) { return read_weight(at, count); }\n" : "",
    "  return read_inputs(at, count);\n}\n",
  ].join("");
}
