/**
 * Which devices this run of the tests covers.
 *
 * `TESSERA_TEST_DEVICES` is a comma list of `reference`, `cpu` and `webgpu`; without it every device that exists is
 * tested. Naming `webgpu` where there is no adapter is an error, so that a run that must not skip cannot skip. A
 * WebGPU test that cannot run is registered as ignored: the runner prints its name and counts it.
 *
 * @module
 */
import { ConfigError, DeviceError } from "../../../../engine/core/errors.ts";
import { probeAdapter } from "../../../../engine/device/webgpu/adapter.ts";
import { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import type { DeviceKind } from "../../../../engine/device/backend.ts";

const KINDS: readonly DeviceKind[] = ["reference", "cpu", "webgpu"];
const VARIABLE = "TESSERA_TEST_DEVICES";

/** The devices that were asked for and exist. */
export const testDevices: readonly DeviceKind[] = await chooseDevices(Deno.env.get(VARIABLE));

/** Whether WebGPU tests run. */
export const webgpuAvailable: boolean = testDevices.includes("webgpu");

/** Registers a test with a backend of its own, disposed afterwards; ignored, by name, where WebGPU is missing. */
export function webgpuTest(name: string, body: (backend: WebGpuBackend) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !webgpuAvailable,
    fn: async () => {
      const backend = await WebGpuBackend.create();
      try {
        await body(backend);
      } finally {
        backend.dispose();
      }
    },
  });
}

/**
 * Reads a list of devices as `TESSERA_TEST_DEVICES` has it; all that exist when it is missing or empty.
 *
 * @throws {ConfigError} when a name is unknown
 * @throws {DeviceError} when `webgpu` is named and there is no adapter
 */
export async function chooseDevices(
  list: string | undefined,
  probe: () => Promise<unknown> = probeAdapter,
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
