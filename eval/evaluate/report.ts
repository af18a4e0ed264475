import { join } from "@std/path";
import project from "../../deno.json" with { type: "json" };
import { formatDuration } from "../../cli/progress.ts";
import { replaceFile } from "../../engine/checkpoint/atomic_file.ts";
import { CheckpointError } from "../../engine/core/errors.ts";
import type { FileMark, Step } from "./image_source.ts";
import { grouped, type Metric } from "./metrics.ts";
import type { Settings } from "./settings.ts";

/** Files of an evaluation's folder. */
export const EVALUATION_FILES = {
  state: "state.npz",
  json: "report.json",
  markdown: "report.md",
  grid: "grid.png",
} as const;

/** Name of the format of a `report.json`. */
export const REPORT_FORMAT = "tessera-evaluation-1";

/** Everything that is known of an evaluation. */
export interface EvaluationReport {
  /** Always {@linkcode REPORT_FORMAT}. */
  readonly format: string;
  /** The figures. */
  readonly metrics: readonly Metric[];
  /** What decided them. */
  readonly settings: Settings;
  /** The files that took part. */
  readonly files: readonly FileMark[];
  /** How each step was done. */
  readonly implementation: readonly Step[];
  /** The images that were scored. */
  readonly images: {
    readonly count: number;
    readonly height: number;
    readonly width: number;
    readonly format: string;
  };
  /** Device, as it describes itself. */
  readonly device: string;
  /** Versions of the programs. */
  readonly versions: { readonly tessera: string; readonly deno: string };
  /** Wall time of sampling and features, all runs together. */
  readonly seconds: number;
  /** Most bytes that the process held. */
  readonly peak_memory_bytes: number;
  /** When the report was written. */
  readonly date: string;
}

/** The versions that a report names. */
export function versions(): EvaluationReport["versions"] {
  return { tessera: project.version, deno: Deno.version.deno };
}

/** A figure as tables show it, with its deviation. */
export function formatMetric({ value, deviation }: Pick<Metric, "value" | "deviation">): string {
  const digits = Math.abs(value) >= 1 ? 4 : 6;
  return value.toFixed(digits) + (deviation === undefined ? "" : ` ± ${deviation.toFixed(digits)}`);
}

/** Bytes as `1.25 GiB`. */
export function formatBytes(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, "GiB"] : [2 ** 20, "MiB"];
  return `${(bytes / unit).toFixed(2)} ${name}`;
}

/**
 * Writes `report.json` and `report.md`, each in one atomic step.
 *
 * @param grid name of the picture in the folder, where there is one
 * @throws {CheckpointError} when they cannot be written
 */
export async function writeReport(
  folder: string,
  report: EvaluationReport,
  grid: string | undefined,
): Promise<void> {
  await writeText(join(folder, EVALUATION_FILES.markdown), markdownOf(report, grid));
  // Last, because it marks the evaluation as finished.
  await writeText(join(folder, EVALUATION_FILES.json), `${JSON.stringify(report, null, 2)}\n`);
}

/**
 * Writes a text in one atomic step.
 *
 * @throws {CheckpointError} when it cannot be written
 */
export async function writeText(path: string, text: string): Promise<void> {
  await replaceFile(path, (append) => append(new TextEncoder().encode(text)));
}

/**
 * Reads the report of a finished evaluation; undefined where there is none.
 *
 * @throws {CheckpointError} when it is broken
 */
export async function readReport(folder: string): Promise<EvaluationReport | undefined> {
  const path = join(folder, EVALUATION_FILES.json);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  try {
    const report: EvaluationReport = JSON.parse(text);
    if (report?.format === REPORT_FORMAT && Array.isArray(report.metrics)) return report;
  } catch {
    // Told below, like a report of another format.
  }
  throw new CheckpointError(`Cannot use ${path} as the report of an evaluation: it is broken`);
}

function markdownOf(report: EvaluationReport, grid: string | undefined): string {
  const { metrics, settings, files, implementation, images, device, versions } = report;
  const rate = images.count / report.seconds;
  return [
    `# Evaluation of ${files[0].path}`,
    "",
    ...tableOf(["metric", "value"], metrics.map((metric) => [metric.name, formatMetric(metric)])),
    "",
    "## How each figure was computed",
    "",
    ...metrics.map(({ name, how }) => `- **${name}**: ${how}.`),
    "",
    "## How each step was done",
    "",
    ...tableOf(["step", "how"], implementation.map(({ step, how }) => [step, how])),
    "",
    "## Settings",
    "",
    ...tableOf(
      ["option", "value"],
      Object.entries(settings).map(([name, value]) => [`\`${name}\``, String(value)]),
    ),
    "",
    "## Files",
    "",
    ...tableOf(
      ["file", "path", "SHA-256"],
      files.map(({ role, path, sha256 }) => [role, path, `\`${sha256}\``]),
    ),
    "",
    `${grouped(images.count)} images of ${images.height} x ${images.width}; ${images.format}. ` +
    `${formatDuration(report.seconds)}, ${rate.toFixed(2)} images/s, at most ${
      formatBytes(report.peak_memory_bytes)
    } ` +
    `of memory, on ${device}. Tessera ${versions.tessera}, Deno ${versions.deno}, ${report.date}.`,
    ...grid === undefined ? [] : ["", `![The first images](${grid})`],
    "",
  ].join("\n");
}

/** A table in Markdown. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
