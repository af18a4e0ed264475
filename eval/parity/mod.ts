/**
 * Golden tensors of the reference implementation, and the runner that holds this one against them.
 *
 * @module
 */
export type { Check } from "./checks.ts";
export { findGoldens } from "./files.ts";
export {
  type CaseReport,
  type CaseStatus,
  type FamilySummary,
  type ParityOptions,
  type ParityReport,
  runParity,
} from "./parity.ts";
export { formatReport, jsonReport } from "./report.ts";
export type { ToleranceName } from "./tolerances.ts";
