import { DeviceError } from "../../core/errors.ts";

/** Names that `--gpu` takes. */
export const GPU_NAMES = "deno, dawn or dawn:NAME";

/**
 * The npm package of Dawn, Chrome's implementation of WebGPU. It is 132 MB, so it is in nobody's module graph: the
 * specifier is not a literal of the import, and the package is fetched when it is first asked for.
 */
export const DAWN_PACKAGE = "npm:webgpu@0.6.2";

/** The part of the package that is used here. */
interface Dawn {
  create(options: readonly string[]): GPU;
}

const opened = new Map<string, GPU>();

/**
 * The entry point of WebGPU: Deno's own, or Dawn's with the first adapter, or with the one whose name holds NAME.
 * Undefined where Deno offers no WebGPU. One object for each name, since Dawn's adapters do not outlive it.
 *
 * @param name `deno`, `dawn` or `dawn:NAME`
 * @throws {DeviceError} for another name, without the permission to call native code, or without the package
 */
export async function openGpu(name: string = "deno"): Promise<GPU | undefined> {
  if (name === "deno") return navigator.gpu;
  const [provider, adapter] = splitName(name);
  if (provider !== "dawn" || adapter === "") {
    throw new DeviceError(`Cannot use --gpu ${name}: wanted ${GPU_NAMES}`);
  }
  let gpu = opened.get(name);
  if (!gpu) {
    const { create } = await loadDawn(name);
    opened.set(name, gpu = create(adapter === undefined ? [] : [`adapter=${adapter}`]));
  }
  return gpu;
}

/** Who implements WebGPU, for people. */
export function providerOf(name: string = "deno"): string {
  return splitName(name)[0] === "dawn" ? "Dawn" : "Deno";
}

function splitName(name: string): [provider: string, adapter: string | undefined] {
  const colon = name.indexOf(":");
  return colon < 0 ? [name, undefined] : [name.slice(0, colon), name.slice(colon + 1)];
}

async function loadDawn(name: string): Promise<Dawn> {
  if ((await Deno.permissions.request({ name: "ffi" })).state !== "granted") {
    throw new DeviceError(
      `Cannot use --gpu ${name} without the permission to call native code: run it with --allow-ffi`,
    );
  }
  try {
    return await import(DAWN_PACKAGE) as Dawn;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new DeviceError(`Cannot use --gpu ${name}: ${DAWN_PACKAGE} does not load (${reason})`, {
      cause: error,
    });
  }
}
