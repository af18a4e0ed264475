import { basename } from "@std/path";
import type { Device } from "../../engine/device/device.ts";
import type { DeviceKind } from "../../engine/device/backend.ts";
import { CheckpointError, ConfigError } from "../../engine/core/errors.ts";
import { runnerFor } from "./cases/mod.ts";
import { type Check, Checks } from "./checks.ts";
import { Golden } from "./golden.ts";
import { toleranceFor, type ToleranceName } from "./tolerances.ts";

/** What became of a golden file. */
export type CaseStatus = "passed" | "failed" | "not implemented";

/** One golden file and everything that was compared with it. */
export interface CaseReport {
  /** File name without its extension. */
  readonly name: string;
  /** Where the file was found. */
  readonly path: string;
  /** Family of cases that the file says it belongs to. */
  readonly family: string;
  /** What is tested, as in `rope_1d` or `model`. */
  readonly component: string;
  /** Whether it was run, and what came out. */
  readonly status: CaseStatus;
  /** Compared quantities, in order. */
  readonly checks: readonly Check[];
  /** Why the case could not be run at all. */
  readonly error?: string;
}

/** Cases of one family. */
export interface FamilySummary {
  /** Name of the family. */
  readonly family: string;
  /** Cases whose every quantity was within its tolerance. */
  readonly passed: number;
  /** Cases that were run and failed, or could not be run. */
  readonly failed: number;
  /** Cases of a kind that this implementation does not have. */
  readonly notImplemented: number;
}

/** The result of a run. */
export interface ParityReport {
  /** Device that the cases ran on. */
  readonly device: DeviceKind;
  /** Column of tolerances that was used. */
  readonly tolerance: ToleranceName;
  /** Cases in the order of the files. */
  readonly cases: readonly CaseReport[];
  /** Cases counted by family. */
  readonly families: readonly FamilySummary[];
  /** Whether every case passed; one that is not implemented did not. */
  readonly passed: boolean;
}

/** Options of `runParity`. */
export interface ParityOptions {
  /** Strict on the reference and CPU devices, relaxed on WebGPU, unless given. */
  readonly tolerance?: ToleranceName;
  /** Families to run; all unless given. */
  readonly families?: readonly string[];
  /** Called after each case. */
  readonly onCase?: (report: CaseReport) => void;
}

/**
 * Runs golden files of the reference implementation on a device and compares every tensor that they expect.
 *
 * A broken file, a case of an unknown kind and a switch that is not supported are failures of that case; the others
 * are still run.
 *
 * @param files paths of `.safetensors` files
 * @throws {ConfigError} when no file belongs to the given families
 */
export async function runParity(
  device: Device,
  files: readonly string[],
  options: ParityOptions = {},
): Promise<ParityReport> {
  const tolerance = options.tolerance ?? toleranceFor(device.kind);
  const cases: CaseReport[] = [];
  for (const path of files) {
    const report = await runFile(device, path, tolerance, options.families);
    if (!report) continue;
    cases.push(report);
    options.onCase?.(report);
  }
  if (cases.length === 0) {
    const families = options.families?.join(", ") ?? "any";
    throw new ConfigError(`Cannot find a case of family ${families} among ${files.length} golden files`);
  }
  const passed = cases.every(({ status }) => status === "passed");
  return { device: device.kind, tolerance, cases, families: summarise(cases), passed };
}

async function runFile(
  device: Device,
  path: string,
  tolerance: ToleranceName,
  families: readonly string[] | undefined,
): Promise<CaseReport | undefined> {
  const name = basename(path, ".safetensors");
  try {
    using golden = await Golden.open(path);
    const { family, component } = golden;
    if (families && !families.includes(family)) return undefined;
    return { name, path, family, component, ...await runCase(device, golden, tolerance) };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { name, path, family: "?", component: "?", status: "failed", checks: [], error: error.message };
  }
}

async function runCase(
  device: Device,
  golden: Golden,
  tolerance: ToleranceName,
): Promise<Pick<CaseReport, "status" | "checks" | "error">> {
  const run = runnerFor(golden);
  if (!run) return { status: "not implemented", checks: [] };
  const checks = new Checks(golden, tolerance);
  using _scope = device.scope();
  try {
    await run({ device, golden, checks });
    checks.finish();
    const passed = checks.list.every((check) => check.passed);
    return { status: passed ? "passed" : "failed", checks: checks.list };
  } catch (error) {
    // One case that cannot run must not hide the others, whatever its reason.
    const message = error instanceof Error ? error.message : String(error);
    return { status: "failed", checks: checks.list, error: message };
  }
}

function summarise(cases: readonly CaseReport[]): FamilySummary[] {
  const families = [...new Set(cases.map(({ family }) => family))];
  return families.map((family) => {
    const count = (status: CaseStatus) =>
      cases.filter((own) => own.family === family && own.status === status).length;
    return {
      family,
      passed: count("passed"),
      failed: count("failed"),
      notImplemented: count("not implemented"),
    };
  });
}
