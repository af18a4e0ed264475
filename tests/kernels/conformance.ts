import { assert } from "@std/assert";
import { type AnyCase, inDType, inputValues } from "../../bench/suites.ts";
import { backward } from "../../engine/autodiff/backward.ts";
import { Tape } from "../../engine/autodiff/tape.ts";
import { dtypeOf, type HostArray, isFloat } from "../../engine/core/dtype.ts";
import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { formatSpec, type Spec } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import { viewOf } from "../../engine/device/reference/reference_backend.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { GRADIENT_OPS } from "../../kernels/grad.ts";
import { relativeError } from "./tolerance.ts";

/** Everything a case computes: outputs, mutated inputs, and gradients by input. */
export interface CaseRun {
  readonly outputs: readonly HostArray[];
  readonly mutated: readonly HostArray[];
  readonly gradients: ReadonlyMap<number, HostArray>;
}

const SEED = 20251201;

function upstreamOf(spec: Spec, output: number): HostArray {
  return inDType(spec.dtype, new Philox(SEED, 1, output).normals(sizeOf(spec.shape)));
}

/** The inputs whose gradients a case checks. */
export function differentiated(kernel: AnyKernel, { inputs, differentiate, forwardOnly }: AnyCase): number[] {
  if (!kernel.vjp || forwardOnly) return [];
  return [...(differentiate ?? inputs.keys())].filter((i) => isFloat(inputs[i].dtype));
}

/** Runs a case on a device, forward and backward. */
export async function runCase(device: Device, kernel: AnyKernel, test: AnyCase): Promise<CaseRun> {
  using _scope = device.scope();
  const data = inputValues(test);
  const inputs = test.inputs.map((spec, i) => {
    assert(dtypeOf(data[i]) === spec.dtype, `input ${i} must be ${formatSpec(spec)}`);
    return device.tensor(spec.shape, data[i]);
  });
  const wanted = differentiated(kernel, test);
  const tape = new Tape(wanted.map((i) => inputs[i]));
  if (wanted.length > 0) device.tape = tape;
  let outputs: Tensor[];
  try {
    outputs = device.execute(kernel, inputs, test.attrs);
  } finally {
    device.tape = undefined;
  }
  const gradients = new Map<number, HostArray>();
  const found = backwardOf(device, tape, outputs);
  for (const i of wanted) {
    const gradient = found.get(inputs[i]);
    if (gradient) gradients.set(i, await gradient.read());
  }
  return {
    outputs: await Promise.all(outputs.map((output) => output.read())),
    mutated: await Promise.all((kernel.mutates ?? []).map((i) => inputs[i].read())),
    gradients,
  };
}

function backwardOf(device: Device, tape: Tape, outputs: readonly Tensor[]): Map<Tensor, Tensor> {
  const seeds = new Map<Tensor, Tensor>();
  outputs.forEach((output, i) => {
    if (tape.tracks(output)) seeds.set(output, device.tensor(output.shape, upstreamOf(output.spec, i)));
  });
  return backward(GRADIENT_OPS, tape, seeds);
}

/** Compares two runs of a case; returns one line for each quantity that differs by more than it may. */
export function compareRuns(run: CaseRun, oracle: CaseRun, tolerance: number): string[] {
  const lines: string[] = [];
  const check = (name: string, got: HostArray, want: HostArray, most: number) => {
    const error = relativeError(got, want);
    if (!(error <= (isFloat(dtypeOf(want)) ? most : 0))) {
      lines.push(`${name}: error ${error}, allowed ${most}`);
    }
  };
  oracle.outputs.forEach((want, i) => check(`output ${i}`, run.outputs[i], want, tolerance));
  oracle.mutated.forEach((want, i) => check(`mutated input ${i}`, run.mutated[i], want, tolerance));
  for (const [i, want] of oracle.gradients) {
    const got = run.gradients.get(i);
    if (got) check(`gradient of input ${i}`, got, want, 2 * tolerance);
    else lines.push(`gradient of input ${i}: missing`);
  }
  return lines;
}

/** Central differences on the f64 reference against its own backward rule, at a few elements of every input. */
export async function finiteDifferences(device: Device, kernel: AnyKernel, test: AnyCase): Promise<string[]> {
  using _scope = device.scope();
  const wanted = differentiated(kernel, test);
  if (wanted.length === 0) return [];
  const { gradients } = await runCase(device, kernel, test);
  const data = inputValues(test);
  const inputs = test.inputs.map((spec, i) => device.tensor(spec.shape, data[i]));
  const loss = () => {
    using _inner = device.scope();
    return device.execute(kernel, inputs, test.attrs).reduce((sum, output, i) => {
      if (!isFloat(output.dtype)) return sum;
      return sum + dot(viewOf(output.buffer(), output.spec).data, upstreamOf(output.spec, i));
    }, 0);
  };
  const lines: string[] = [];
  for (const i of wanted) {
    const view = viewOf(inputs[i].buffer(), inputs[i].spec);
    const gradient = gradients.get(i) ?? new Float32Array(view.data.length);
    const scale = Math.sqrt(dot(gradient, gradient) / gradient.length) + 1e-3;
    for (const j of probes(view.data.length)) {
      const [value, step] = [view.data[j], 1e-5];
      view.data[j] = value + step;
      const up = loss();
      view.data[j] = value - step;
      const slope = (up - loss()) / (2 * step);
      view.data[j] = value;
      if (!(Math.abs(slope - gradient[j]) <= 1e-4 * (scale + Math.abs(slope)))) {
        lines.push(`input ${i}, element ${j}: gradient ${gradient[j]}, finite difference ${slope}`);
      }
    }
  }
  return lines;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function probes(length: number): number[] {
  const count = Math.min(length, 6);
  return Array.from({ length: count }, (_, k) => Math.floor((k * (length - 1)) / Math.max(1, count - 1)));
}
