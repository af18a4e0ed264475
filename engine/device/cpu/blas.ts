/**
 * A library of the system that multiplies matrices (a BLAS), called through Deno's foreign function interface on the
 * device's own memory. Nothing here runs unless a device is opened with `blas`.
 *
 * @module
 */
import { DeviceError } from "../../core/errors.ts";

/** `cblas_sgemm`: order, transA, transB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc; matrices by address. */
export type Sgemm = (
  order: number,
  transA: number,
  transB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: number,
  c: number,
  ldc: number,
) => void;

/** An open library. */
export interface Blas {
  /** As it was given to the system's loader. */
  readonly path: string;
  /** What the library says of itself, for people. */
  readonly name: string;
  /** C = alpha op(A) op(B) + beta C. */
  readonly sgemm: Sgemm;
  /** Gives the library back. */
  close(): void;
}

/** Stands for the first library of `blasCandidates` that is there. */
export const ANY_BLAS = "auto";

const ACCELERATE = "/System/Library/Frameworks/Accelerate.framework/Accelerate";

/** `BLAS_THREADING_SINGLE_THREADED` of Accelerate. */
const SINGLE_THREADED = 1;

const SYMBOLS = {
  cblas_sgemm: {
    // The runtime takes numbers for usize, and user-space addresses fit: unlike pointers, they cost no object.
    // deno-fmt-ignore
    parameters: [
      "i32", "i32", "i32", "i32", "i32", "i32", "f32", "usize", "i32", "usize", "i32", "f32", "usize", "i32",
    ],
    result: "void",
  },
  openblas_set_num_threads: { parameters: ["i32"], result: "void", optional: true },
  openblas_get_config: { parameters: [], result: "pointer", optional: true },
  BLASSetThreading: { parameters: ["u32"], result: "i32", optional: true },
} as const;

/** Libraries that are looked for, in this order; bare names are found by the system's loader. */
export function blasCandidates(os: typeof Deno.build.os = Deno.build.os): readonly string[] {
  switch (os) {
    case "darwin":
      return [
        ACCELERATE,
        "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
        "/usr/local/opt/openblas/lib/libopenblas.dylib",
      ];
    case "windows":
      return ["libopenblas.dll", "openblas.dll"];
    default:
      return ["libopenblas.so.0", "libopenblas.so"];
  }
}

/**
 * Opens a library and keeps it to one thread: the device's own threads call it side by side.
 *
 * @param wanted `auto`, or the path of a library that has `cblas_sgemm`
 * @param candidates what `auto` stands for
 * @throws {DeviceError} without the permission to call libraries, or where no library can be used
 */
export function openBlas(wanted: string = ANY_BLAS, candidates: readonly string[] = blasCandidates()): Blas {
  expectPermission();
  const failures: string[] = [];
  for (const path of wanted === ANY_BLAS ? candidates : [wanted]) {
    try {
      return load(path);
    } catch (error) {
      failures.push(`${path} (${reasonOf(error, path)})`);
    }
  }
  const advice = wanted === ANY_BLAS
    ? `${howToInstall()}, or name a library, as in --blas=/path/libopenblas.so`
    : "a library with cblas_sgemm is wanted";
  throw new DeviceError(`Cannot open a BLAS, tried ${failures.join(", ")}: ${advice}`);
}

/** The address of a memory's first byte in this process. */
export function addressOf(buffer: ArrayBufferLike): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer as ArrayBuffer))));
}

function load(path: string): Blas {
  const library = Deno.dlopen(path, SYMBOLS);
  const { cblas_sgemm, openblas_get_config, openblas_set_num_threads, BLASSetThreading } = library.symbols;
  openblas_set_num_threads?.(1);
  BLASSetThreading?.(SINGLE_THREADED);
  const text = openblas_get_config?.() ?? null;
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the name and the version.
  const config = text && Deno.UnsafePointerView.getCString(text).split(" ").slice(0, 2).join(" ");
  return { path, name: config ?? path, sgemm: cblas_sgemm as unknown as Sgemm, close: () => library.close() };
}

/** The loader's own words, without what Deno puts around them. */
function reasonOf(error: unknown, path: string): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes("symbol cblas_sgemm")) return "it has no cblas_sgemm";
  return message.replace(/^(?:Could not open library: )+/, "").replace(`${path}: `, "").split("\n")[0];
}

function howToInstall(): string {
  switch (Deno.build.os) {
    case "linux":
      return "install one (Debian: apt-get install libopenblas0-pthread)";
    case "darwin":
      return `${ACCELERATE} is part of macOS (or: brew install openblas)`;
    default:
      return "install OpenBLAS where the system looks for libraries";
  }
}

/** Asks in a terminal; elsewhere says which command has the permission. */
function expectPermission(): void {
  if (Deno.permissions.requestSync({ name: "ffi" }).state === "granted") return;
  throw new DeviceError(
    `Cannot use --blas without the permission to call libraries, run it with --allow-ffi: ${permittedCommand()}`,
  );
}

/** The command that was run, with the permissions that it has and the one that it lacks. */
function permittedCommand(): string {
  const names = ["read", "write", "net", "env", "sys", "run"] as const;
  const granted = names.filter((name) => Deno.permissions.querySync({ name }).state === "granted");
  const flags = [...granted, "ffi"].map((name) => `--allow-${name}`);
  return ["deno run", ...flags, mainScript(), ...Deno.args.map(quoted)].join(" ");
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** The program, as one would type it in the current folder. */
function mainScript(): string {
  try {
    const folder = new URL(`${pathToUrl(Deno.cwd())}/`).href;
    return Deno.mainModule.replace(folder, "").replace(/^file:\/\//, "");
  } catch {
    return "SCRIPT"; // Reading the folder needs a permission of its own.
  }
}

function pathToUrl(path: string): string {
  return `file://${encodeURI(path.replaceAll("\\", "/"))}`;
}
