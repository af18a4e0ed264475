import { backward } from "../../engine/autodiff/backward.ts";
import { Tape } from "../../engine/autodiff/tape.ts";
import type { Call, Lowered } from "../../engine/device/backend.ts";
import { Device } from "../../engine/device/device.ts";
import { NullBackend } from "../../engine/device/null_backend.ts";
import { withStorageTypes } from "../../engine/device/webgpu/storage_types.ts";
import type { AnyKernel, Launch, Limits } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { type AnyCase, findSuites } from "../../bench/suites.ts";
import { GRADIENT_OPS } from "../../kernels/grad.ts";
import { differentiated } from "./conformance.ts";

/** A dispatch of a case, and the call that it belongs to. */
export interface CaseLaunch {
  /** Folder, kernel and case, for messages. */
  readonly name: string;
  readonly call: Call;
  readonly launch: Launch;
}

class Collector extends NullBackend {
  readonly calls: Call[] = [];

  override lower(call: Call): Lowered {
    this.calls.push(call);
    return super.lower(call);
  }
}

/** The calls of a case: the kernel, and what its backward rule runs. */
async function callsOf(kernel: AnyKernel, test: AnyCase): Promise<readonly Call[]> {
  const backend = new Collector();
  using device = new Device(backend);
  using _program = await device.record("case", () => {
    const inputs = test.inputs.map((spec) => device.persistent(spec));
    const wanted = differentiated(kernel, test);
    const tape = new Tape(wanted.map((i) => inputs[i]));
    if (wanted.length > 0) device.tape = tape;
    const outputs = device.execute(kernel, inputs, test.attrs);
    device.tape = undefined;
    const seeds = new Map<Tensor, Tensor>();
    for (const output of outputs) if (tape.tracks(output)) seeds.set(output, device.persistent(output.spec));
    backward(GRADIENT_OPS, tape, seeds);
    return {};
  });
  return backend.calls;
}

/** The dispatches of a call as a device compiles them. */
function launchesOf({ kernel, inputs, outputs, attrs }: Call, limits: Limits): readonly Launch[] {
  const { launches, scratch = [] } = kernel.webgpu(inputs, attrs, limits);
  return launches.map((launch) => withStorageTypes(launch, [...inputs, ...outputs, ...scratch]));
}

/** Every distinct dispatch of all cases, backward rules included, as planned for adapters with these limits. */
export async function caseLaunches(limits: readonly Limits[]): Promise<readonly CaseLaunch[]> {
  const found = new Map<string, CaseLaunch>();
  for (const { folder, kernel, cases } of await findSuites()) {
    for (const test of cases) {
      for (const call of await callsOf(kernel, test)) {
        for (const own of limits) {
          for (const launch of launchesOf(call, own)) {
            const key = JSON.stringify([launch.source, launch.entryPoint, launch.overrides]);
            const name = `${folder}, ${call.kernel.name}, ${test.name}`;
            if (!found.has(key)) found.set(key, { name, call, launch });
          }
        }
      }
    }
  }
  return [...found.values()];
}
