import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import type { Limits } from "../../engine/kernel.ts";
import { lanesOfTile } from "../variants.ts";
import { CHANNELS, memoryOf } from "./memory.ts";
import operands from "./tile_operands.wgsl" with { type: "text" };
import subgroupTile from "./tile_subgroup.wgsl" with { type: "text" };
import workgroupTile from "./tile.wgsl" with { type: "text" };

/** Columns of a workgroup's tile. */
export const TILE_N = 64;

/** Which operands are stored transposed: one answer for a whole launch. */
const TRANSPOSITION = "override TRANS_A: bool;\noverride TRANS_B: bool;\n";

/** What stands in front of a kernel that multiplies tiles. */
export interface TileText {
  /** Rows of the tile, in eighths: 4 or 8, for tiles of 32 or 64. */
  readonly rows: number;
  /** WGSL that defines `read_a` and `read_b` as `memoryOf()` does. */
  readonly memory: string;
  /** WGSL that declares `TRANS_A` and `TRANS_B`; overrides unless told. */
  readonly transposition?: string;
  /** Whether an element takes long to find, so that a workgroup shall do it once and keep it in its memory. */
  readonly costly?: boolean;
}

/** Memory of operands a, b and c whose stored rows are multiples of four elements (`aligned`) or of any length. */
export function memoryOfMatrices(aligned: boolean): string {
  return memoryOf([["a", "read"], ["b", "read"], ["c", "read_write"]], aligned);
}

/** The register tile that all matmuls share, in the form for an adapter. */
export function registerTile(
  { rows, memory, transposition = TRANSPOSITION, costly = false }: TileText,
  limits: Limits,
): string {
  const lanes = costly ? undefined : lanesOfTile(limits);
  const header = wgslHeader(lanes ? { LANES: lanes, SUMS: TILE_N / 4 } : { SUMS: 2 * rows });
  const tile = lanes ? subgroupTile + addStrip(lanes) + sumSteps(lanes) : workgroupTile;
  return `const ROWS = ${rows}u;\n${header}${transposition}${memory}\n${operands}${tile}\n`;
}

/**
 * `add_strip(strip, lane, y, j, k, sums)`: lane r of the strip has four steps of row r, or, where A is stored
 * transposed, the lanes of a step have four rows each. WGSL wants the lane of a broadcast as a literal.
 */
function addStrip(lanes: number): string {
  const groups = Array.from({ length: TILE_N / 4 / lanes }, (_, group) => group);
  const columns = groups.map((group) =>
    `  let columns_${group} = load_columns(y, j + column_of(lane, ${group}u), k);`
  );
  const products = [0, 1, 2, 3].flatMap((step) =>
    Array.from({ length: lanes }, (_, row) => {
      const plain = `subgroupBroadcast(strip.${CHANNELS[step]}, ${row}u)`;
      const lane = step * (lanes / 4) + Math.floor(row / 4);
      const transposed = `subgroupBroadcast(strip.${CHANNELS[row % 4]}, ${lane}u)`;
      const value = `value_${step}_${row}`;
      const sums = groups.map((group) => {
        const sum = `(*sums)[${row * groups.length + group}]`;
        return `  ${sum} = fma(${value}, columns_${group}[${step}], ${sum});`;
      });
      return [`  let ${value} = vec4f(select(${plain}, ${transposed}, TRANS_A));`, ...sums].join("\n");
    })
  );
  const sums = "sums: ptr<function, array<vec4f, SUMS>>";
  return [
    `fn add_strip(strip: vec4f, lane: u32, y: Operand, j: u32, k: u32, ${sums}) {`,
    ...columns,
    ...products,
    "}\n",
  ].join("\n");
}

/** `sum_steps(of_lane, part)`: the sum over four steps of k of what the lanes of a strip hold of part `part`. */
function sumSteps(lanes: number): string {
  const parts = Array.from({ length: lanes / 4 }, (_, part) => {
    const steps = [0, 1, 2, 3].map((step) => `subgroupBroadcast(of_lane, ${step * (lanes / 4) + part}u)`);
    return `  sum = select(sum, ${steps.join(" + ")}, part == ${part}u);`;
  });
  const head = "fn sum_steps(of_lane: vec4f, part: u32) -> vec4f {";
  return [head, "  var sum = vec4f();", ...parts, "  return sum;", "}\n"].join("\n");
}
