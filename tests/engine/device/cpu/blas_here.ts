import { openBlas } from "../../../../engine/device/cpu/blas.ts";
import { available } from "../../../devices.ts";

/** Whether this run may call libraries, and there is one to call. */
export const blasHere: boolean = available.cpu && mayCall() && opens();

function mayCall(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

function opens(): boolean {
  try {
    openBlas().close();
    return true;
  } catch {
    return false;
  }
}

/** Registers a test that needs a BLAS; without one it is skipped, by name. */
export function blasTest(name: string, body: () => Promise<void> | void): void {
  Deno.test({ name: `${name} [BLAS]`, ignore: !blasHere, fn: body });
}
