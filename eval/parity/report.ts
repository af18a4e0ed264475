import type { Check } from "./checks.ts";
import type { CaseReport, FamilySummary, ParityReport } from "./parity.ts";

/** One line of the table. */
type Row = readonly [name: string, quantity: string, error: string, tolerance: string, result: string];

const HEADER: Row = ["case", "quantity", "error", "tolerance", "result"];

/**
 * The aligned table: every failure, and one line for what passed of each case.
 *
 * @param verbose gives every passing quantity its line
 */
export function formatReport({ cases, families, device, tolerance }: ParityReport, verbose = false): string {
  const rows = [HEADER, ...cases.flatMap((report) => rowsOf(report, verbose))];
  const width = (column: number) => Math.max(...rows.map((row) => row[column].length));
  const widths = HEADER.map((_, column) => width(column));
  const lines = rows.map((row) =>
    row.map((cell, i) => i === 2 || i === 3 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])).join("  ")
      .trimEnd()
  );
  const passed = cases.filter(({ status }) => status === "passed").length;
  return [
    ...lines,
    "",
    ...formatFamilies(families),
    "",
    `${passed} passed, ${cases.length - passed} failed on ${device}, ${tolerance} tolerances`,
  ].join("\n");
}

function rowsOf({ name, status, checks, error }: CaseReport, verbose: boolean): Row[] {
  if (status === "not implemented") return [[name, "", "", "", "not implemented"]];
  const shown = verbose ? checks : checks.filter(({ passed }) => !passed);
  const rows = shown.map((check): Row => [name, check.quantity, ...figures(check), verdict(check)]);
  const passing = verbose ? [] : checks.filter(({ passed }) => passed);
  if (passing.length > 0) {
    const closest = passing.reduce((worst, check) => nearness(check) > nearness(worst) ? check : worst);
    const others = passing.length === 1 ? "" : ` (closest of ${passing.length})`;
    rows.push([name, closest.quantity + others, ...figures(closest), "pass"]);
  }
  if (error !== undefined) rows.push([name, "", "", "", `FAIL: ${error}`]);
  return rows;
}

/** How much of its tolerance a passing check uses. */
function nearness({ error, tolerance }: Check): number {
  return tolerance === 0 ? 0 : error / tolerance;
}

function figures({ error, tolerance, note }: Check): [string, string] {
  if (note !== undefined) return ["", ""];
  return tolerance === 0
    ? [`${error} differ`, "exact"]
    : [error.toExponential(1), tolerance.toExponential(0)];
}

function verdict({ passed, note }: Check): string {
  if (passed) return "pass";
  return note === undefined ? "FAIL" : `FAIL: ${note}`;
}

function formatFamilies(families: readonly FamilySummary[]): string[] {
  const width = Math.max(...families.map(({ family }) => family.length));
  return families.map(({ family, passed, failed, notImplemented }) => {
    const parts = [`${passed} passed`, `${failed} failed`];
    if (notImplemented > 0) parts.push(`${notImplemented} not implemented`);
    return `${family.padEnd(width)}  ${parts.join(", ")}`;
  });
}

/** The report as JSON; errors that are not finite are written as text, since JSON has no such numbers. */
export function jsonReport(report: ParityReport): string {
  const finite = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return JSON.stringify(report, finite, 2);
}
