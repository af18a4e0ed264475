import { BYTES_PER_ELEMENT, bytesPerElement, type DType } from "../../engine/core/dtype.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import concatSource from "./concat.wgsl" with { type: "text" };
import type { Rows, Segment } from "./layout.ts";
import splitSource from "./split.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** One launch's segments in units of its element type. */
interface Piece {
  readonly segments: readonly Segment[];
  /** Place in the row of the first segment. */
  readonly first: number;
}

/** What one invocation moves. */
interface Unit {
  /** WGSL type, on which nothing is computed. */
  readonly element: string;
  /** Elements of the tensor in it. */
  readonly lanes: number;
}

/** Four u32 at a time where every boundary allows it; half-precision elements are moved by pairs where they can be. */
function unitOf({ width, segments }: Rows, dtype: DType): Unit {
  const boundaries = [width, ...segments.flatMap(({ at, run }) => [at, run])];
  const each = BYTES_PER_ELEMENT / bytesPerElement(dtype);
  const units = [{ element: "vec4<u32>", lanes: 4 * each }, { element: "u32", lanes: each }];
  return units.find(({ lanes }) => boundaries.every((n) => n % lanes === 0)) ?? { element: "f16", lanes: 1 };
}

/** A part's binding, and the test that says whether element `j` of the launch's span belongs to it. */
function partLines({ segments, first }: Piece, access: string, body: (part: string, at: string) => string) {
  return {
    bindings: segments.map((_, s) =>
      `@group(0) @binding(${s + 1}) var<storage, ${access}> part${s}: array<Element>;`
    ),
    branches: segments.map(({ at, run }, s) => {
      const start = at - first;
      const place = `row * ${run}u + j - ${start}u`;
      return `  if (j >= ${start}u && j < ${start + run}u) { ${body(`part${s}`, place)} }`;
    }),
  };
}

function headerOf(element: string, bindings: readonly string[], signature: string, body: readonly string[]) {
  const enable = element === "f16" ? ["enable f16;"] : [];
  return [...enable, `alias Element = ${element};`, ...bindings, `fn ${signature} {`, ...body, "}", ""].join(
    "\n",
  );
}

/** What differs between the two directions. */
interface Direction {
  readonly body: string;
  /** Slot of the whole tensor. */
  readonly whole: number;
  /** Slot of part 0; the others follow. */
  readonly firstPart: number;
  /** Declares the parts of one launch, and the function that chooses among them. */
  header(piece: Piece, element: string): string;
}

/** Launches of at most `maxStorageBuffersPerShaderStage - 1` parts each. */
function planOf(
  rows: Rows,
  dtype: DType,
  limits: Limits,
  { body, whole, firstPart, header }: Direction,
): WebGpuPlan {
  const { element, lanes } = unitOf(rows, dtype);
  const most = limits.maxStorageBuffersPerShaderStage - 1;
  const launches: Launch[] = [];
  for (let s = 0; s < rows.segments.length; s += most) {
    const segments = rows.segments.slice(s, s + most)
      .map(({ at, run }) => ({ at: at / lanes, run: run / lanes }));
    const first = segments[0].at;
    const last = segments[segments.length - 1];
    const span = last.at + last.run - first;
    const size = rows.outer * span;
    launches.push({
      source: header({ segments, first }, element) + body,
      overrides: { workgroup_size: WORKGROUP, size, width: rows.width / lanes, first, span },
      bindings: [whole, ...segments.map((_, i) => firstPart + s + i)],
      groups: gridOf(Math.ceil(size / WORKGROUP), limits),
    });
  }
  return { launches };
}

/** Reads the whole once, in order; each element goes to the part that holds it. */
export function splitWebGpu(rows: Rows, dtype: DType, limits: Limits): WebGpuPlan {
  const header = (piece: Piece, element: string) => {
    const store = (part: string, at: string) => `${part}[${at}] = value; return;`;
    const { bindings, branches } = partLines(piece, "read_write", store);
    return headerOf(element, bindings, "store_part(row: u32, j: u32, value: Element)", branches);
  };
  return planOf(rows, dtype, limits, { body: splitSource, whole: 0, firstPart: 1, header });
}

/** Writes the whole once, in order; each element comes from the part that holds it. */
export function concatWebGpu(rows: Rows, dtype: DType, limits: Limits): WebGpuPlan {
  const header = (piece: Piece, element: string) => {
    const { bindings, branches } = partLines(piece, "read", (part, at) => `return ${part}[${at}];`);
    const body = [...branches, "  return Element();"];
    return headerOf(element, bindings, "load_part(row: u32, j: u32) -> Element", body);
  };
  return planOf(rows, dtype, limits, {
    body: concatSource,
    whole: rows.segments.length,
    firstPart: 0,
    header,
  });
}
