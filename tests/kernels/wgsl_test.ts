import { assert, assertEquals } from "@std/assert";
import { DAWN_PACKAGE } from "../../engine/device/webgpu/provider.ts";
import { NO_PACKAGE, type TintReport } from "./tint.ts";

const DOWNLOAD_MILLISECONDS = 120_000;

/** Tint's verdict, from a process of its own: native code needs a permission that the tests do not have. */
async function askTint(): Promise<TintReport | undefined> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-ffi", "--allow-read", new URL("tint.ts", import.meta.url).href],
    signal: AbortSignal.timeout(DOWNLOAD_MILLISECONDS),
  }).output();
  const decoder = new TextDecoder();
  if (code === NO_PACKAGE) return undefined;
  if (code !== 0) throw new Error(decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}

const report = await askTint();

Deno.test({
  name: `Tint compiles every dispatch of every case (${DAWN_PACKAGE})`,
  ignore: report === undefined,
  fn() {
    assertEquals(report!.failures, []);
    assert(report!.compiled > 500, `only ${report!.compiled} dispatches were found`);
    assert(report!.control.includes("must only be called from uniform control flow"), report!.control);
  },
});
