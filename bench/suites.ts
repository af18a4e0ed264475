import { ConfigError } from "../engine/core/errors.ts";
import { type DType, type HostArray, hostArray, isFloat } from "../engine/core/dtype.ts";
import { Philox } from "../engine/core/random.ts";
import { sizeOf } from "../engine/core/shape.ts";
import type { AnyKernel, AnySuite, KernelCase } from "../engine/kernel.ts";

/** A case of any kernel. */
// deno-lint-ignore no-explicit-any
export type AnyCase = KernelCase<any>;

/** A kernel and its cases, and the folder below `kernels/` that they are in. */
export interface FoundSuite {
  /** As in `moe/router`. */
  readonly folder: string;
  /** The kernel. */
  readonly kernel: AnyKernel;
  /** Its sizes. */
  readonly cases: readonly AnyCase[];
}

const KERNELS = new URL("../kernels/", import.meta.url);
const SEED = 20251201;

/** Every `cases.ts` below `kernels/`, in the order of their names: a new folder is found without being listed. */
function* caseFiles(folder: URL): Generator<URL> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    if (isDirectory) yield* caseFiles(new URL(`${name}/`, folder));
    else if (name === "cases.ts") yield new URL(name, folder);
  }
}

/** Loads the cases of every kernel. */
export async function allSuites(): Promise<FoundSuite[]> {
  const found: FoundSuite[] = [];
  for (const file of caseFiles(KERNELS)) {
    const folder = file.pathname.slice(KERNELS.pathname.length).replace(/\/cases\.ts$/, "");
    const { suites } = await import(file.href) as { suites: readonly AnySuite[] };
    found.push(...suites.map((suite) => ({ folder, ...suite })));
  }
  return found;
}

/** Loads the cases of every kernel that launches anything. */
export async function findSuites(): Promise<FoundSuite[]> {
  return (await allSuites()).filter(({ kernel }) => !kernel.alias);
}

/**
 * The suites whose kernel or folder is in a list of names, all where there is no list.
 *
 * @throws {ConfigError} for a name that is neither
 */
export function narrow(suites: readonly FoundSuite[], names: readonly string[] | undefined): FoundSuite[] {
  if (names === undefined) return [...suites];
  const matches = ({ folder, kernel }: FoundSuite, name: string) =>
    kernel.name === name || folder === name || folder.endsWith(`/${name}`);
  for (const name of names) {
    if (suites.some((suite) => matches(suite, name))) continue;
    const known = [...new Set(suites.map(({ kernel }) => kernel.name))].join(", ");
    throw new ConfigError(
      `Cannot find kernel "${name}": wanted names of kernels or of their folders, among ${known}`,
    );
  }
  return suites.filter((suite) => names.some((name) => matches(suite, name)));
}

/** Numbers as elements of a dtype. */
export function inDType(dtype: DType, values: Float32Array<ArrayBuffer>): HostArray {
  return dtype === "f16" ? Float16Array.from(values) : values;
}

/** Whether a case has half-precision tensors, which not every device takes. */
export function isHalf(kernel: AnyKernel, { inputs, attrs }: AnyCase): boolean {
  return [...inputs, ...kernel.infer(inputs, attrs)].some(({ dtype }) => dtype === "f16");
}

/** The input values of a case: its own, or standard normals and zeros. */
export function inputValues({ inputs, values }: AnyCase): readonly HostArray[] {
  return values?.(inputs) ??
    inputs.map(({ dtype, shape }, i) =>
      isFloat(dtype)
        ? inDType(dtype, new Philox(SEED, 0, i).normals(sizeOf(shape)))
        : hostArray(dtype, sizeOf(shape))
    );
}
