/**
 * Which devices this run of the tests covers.
 *
 * `TESSERA_TEST_DEVICES` is a comma list of `reference`, `cpu` and `webgpu`; without it every device that exists is
 * tested. Naming `webgpu` where there is no adapter is an error, so that a run that must not skip cannot skip. A
 * test that cannot run is registered as ignored: the runner prints its name and counts it.
 *
 * `TESSERA_TEST_GPU` says who implements WebGPU, as `--gpu` does: `dawn` runs the tests through Dawn (`--allow-ffi`).
 *
 * @module
 */
import { ConfigError, DeviceError } from "../engine/core/errors.ts";
import type { DeviceKind } from "../engine/device/backend.ts";
import type { Device } from "../engine/device/device.ts";
import { openDevice } from "../engine/device/open.ts";
import { probeAdapter } from "../engine/device/webgpu/adapter.ts";
import { WebGpuBackend } from "../engine/device/webgpu/backend.ts";

const KINDS: readonly DeviceKind[] = ["reference", "cpu", "webgpu"];

/** Name of the environment variable. */
export const VARIABLE = "TESSERA_TEST_DEVICES";

/** Who implements WebGPU in this run: `deno` unless told. */
export const TEST_GPU: string | undefined = Deno.env.get("TESSERA_TEST_GPU") || undefined;

const chosen = await chooseDevices(Deno.env.get(VARIABLE));

/** Whether tests should, and can, run on a device. */
export const available: Readonly<Record<DeviceKind, boolean>> = {
  reference: chosen.includes("reference"),
  cpu: chosen.includes("cpu"),
  webgpu: chosen.includes("webgpu"),
};

/**
 * Reads a list of devices as `TESSERA_TEST_DEVICES` has it; all that exist when it is missing or empty.
 *
 * @throws {ConfigError} when a name is unknown
 * @throws {DeviceError} when `webgpu` is named and there is no adapter
 */
export async function chooseDevices(
  list: string | undefined,
  probe: () => Promise<unknown> = () => probeAdapter(TEST_GPU),
): Promise<readonly DeviceKind[]> {
  const names = (list ?? "").split(",").map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.find((name) => !KINDS.includes(name as DeviceKind));
  if (unknown !== undefined) {
    throw new ConfigError(
      `Cannot test device "${unknown}" of ${VARIABLE}: one of ${KINDS.join(", ")} is wanted`,
    );
  }
  const wanted = names.length === 0 ? KINDS : KINDS.filter((kind) => names.includes(kind));
  if (!wanted.includes("webgpu") || await probe() !== undefined) return wanted;
  if (names.length === 0) return wanted.filter((kind) => kind !== "webgpu");
  throw new DeviceError(`Cannot test device "webgpu" of ${VARIABLE}: no adapter was found`);
}

/** The test fixtures of the reference implementation; absent outside the project's own machines. */
export const PARITY_FOLDER: URL = new URL("../../shared/parity/", import.meta.url);

/** Whether the golden tensors are there. */
export const parityAvailable: boolean = exists(PARITY_FOLDER);

function exists(path: URL): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

const opened = new Map<DeviceKind, Promise<Device>>();

/** One device of a kind, shared by all tests of a file. */
export function sharedDevice(kind: DeviceKind): Promise<Device> {
  let device = opened.get(kind);
  const options = kind === "webgpu" ? { gpu: TEST_GPU } : {};
  if (!device) opened.set(kind, device = openDevice(kind, options));
  return device;
}

/** Registers a test for each of some devices; one that is not available is skipped, by name. */
export function deviceTest(
  kinds: readonly DeviceKind[],
  name: string,
  body: (device: Device, oracle: Device) => Promise<void> | void,
): void {
  for (const kind of kinds) {
    Deno.test({
      name: `${name} [${kind}]`,
      ignore: !available[kind],
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => await body(await sharedDevice(kind), await sharedDevice("reference")),
    });
  }
}

/** Registers a test with a WebGPU backend of its own, disposed afterwards. */
export function webgpuTest(name: string, body: (backend: WebGpuBackend) => Promise<void>): void {
  Deno.test({
    name: `${name} [webgpu]`,
    ignore: !available.webgpu,
    fn: async () => {
      const backend = await WebGpuBackend.create({ gpu: TEST_GPU });
      try {
        await body(backend);
      } finally {
        backend.dispose();
      }
    },
  });
}
