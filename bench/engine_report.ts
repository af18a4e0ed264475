import type { LineResult } from "./engine_bench.ts";
import { ENGINE, type GpuLine } from "./gpu_bench.ts";
import type { Group } from "./groups.ts";

type Row = readonly string[];

/** Columns of a group's table. */
export interface Layout {
  /** Headings. */
  readonly columns: Row;
  /** Cells of a line. */
  readonly cells: (line: LineResult) => Row;
}

const times = (factor: number): string => Number.isFinite(factor) ? `${factor.toFixed(2)}x` : "-";
/** Three digits, or all before the point. */
const significant = (value: number): string => value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
const percent = (fraction: number): string => `${(100 * fraction).toFixed(0)}%`;

/** Time of the last over time of the most threads: how much faster the most threads are than one. */
export function scalingOf({ threads }: LineResult): number {
  return threads[0].milliseconds / threads[threads.length - 1].milliseconds;
}

/** How many times as long a peer takes as this engine on its most threads. */
export function advantageOver(peer: string, { threads, peers }: LineResult): number {
  return peers[peer] / threads[threads.length - 1].milliseconds;
}

const short = (threads: number): string => `${threads}t`;

/** Work by its operations: speed, share of the FMA peak and of the tile's peak, scaling, peers. */
export function speedLayout(threads: readonly number[], peers: readonly string[]): Layout {
  const each = threads.flatMap((count) => {
    const name = short(count);
    return [`ms ${name}`, `GFLOP/s ${name}`, `% peak ${name}`, `% tile ${name}`];
  });
  return {
    columns: ["work", ...each, "scaling", ...peers.map((peer) => `vs ${peer}`)],
    cells: (line) => [
      line.name,
      ...line.threads.flatMap(({ milliseconds, gflops, peak, tilePeak }) => [
        significant(milliseconds),
        gflops.toFixed(1),
        percent(gflops / peak),
        percent(gflops / tilePeak),
      ]),
      times(scalingOf(line)),
      ...peers.map((peer) => times(advantageOver(peer, line))),
    ],
  };
}

/** Work by its elements: nanoseconds of one, operations, share of the FMA peak, scaling, peers. */
export function elementLayout(threads: readonly number[], peers: readonly string[]): Layout {
  const names = threads.map(short);
  const nanoseconds = (milliseconds: number, elements: number) => (1e6 * milliseconds / elements).toFixed(2);
  return {
    columns: [
      "work",
      ...names.flatMap((name) => [`ns ${name}`, `GFLOP/s ${name}`, `% peak ${name}`]),
      "scaling",
      ...peers.map((peer) => `vs ${peer}`),
    ],
    cells: (line) => [
      line.name,
      ...line.threads.flatMap(({ milliseconds, gflops, peak }) => [
        nanoseconds(milliseconds, line.elements!),
        gflops.toFixed(1),
        percent(gflops / peak),
      ]),
      times(scalingOf(line)),
      ...peers.map((peer) => times(advantageOver(peer, line))),
    ],
  };
}

/** The columns that suit a group. */
export function layoutOf({ name }: Group, threads: readonly number[], peers: readonly string[]): Layout {
  return name === "rows" ? elementLayout(threads, peers) : speedLayout(threads, peers);
}

/** Columns of a table of the webgpu device. */
export function gpuColumns(peers: readonly string[]): Row {
  const each = peers.flatMap((peer) => [`ms ${peer}`, `first ms ${peer}`, `vs ${peer}`]);
  return ["work", "ms", "GFLOP/s", "first ms", ...each];
}

/** Cells of a line of the webgpu device. */
export function gpuCells({ name, flops, contenders }: GpuLine, peers: readonly string[]): Row {
  const { milliseconds, first } = contenders[ENGINE];
  const speed = (flops / milliseconds / 1e6).toFixed(2);
  const others = peers.flatMap((peer) => {
    const other = contenders[peer];
    if (!other) return ["-", "-", "-"];
    return [
      significant(other.milliseconds),
      other.first.toFixed(0),
      times(other.milliseconds / milliseconds),
    ];
  });
  return [name, significant(milliseconds), speed, first.toFixed(0), ...others];
}

/** One row of a Markdown table; the first cell is text, the others are numbers. */
export function markdownRow(cells: Row, widths: Row): string {
  const padded = cells.map((cell, i) => i === 0 ? cell.padEnd(NAME_WIDTH) : cell.padStart(widths[i].length));
  return `| ${padded.join(" | ")} |`;
}

/** Heading and rule of a Markdown table. */
export function markdownHead(columns: Row): string {
  const rule = columns.map((title, i) =>
    i === 0 ? "-".repeat(NAME_WIDTH) : `${"-".repeat(title.length - 1)}:`
  );
  return `${markdownRow(columns, columns)}\n| ${rule.join(" | ")} |`;
}

const NAME_WIDTH = 42;
