import type { Call } from "../backend.ts";
import { byteLength, type Spec } from "../../core/spec.ts";
import type { View } from "../../kernel.ts";
import type { CpuMemory } from "./memory.ts";

/**
 * Runs a kernel's reference on f64 copies of its operands and copies the results back: slow, for kernels that have
 * no WASM code.
 *
 * @param addresses of the inputs, then of the outputs
 */
export function runReference(call: Call, addresses: readonly number[], memory: CpuMemory): void {
  const specs = [...call.inputs, ...call.outputs];
  const views = specs.map((spec, i) => readView(spec, addresses[i], memory));
  const inputs = views.slice(0, call.inputs.length), outputs = views.slice(call.inputs.length);
  call.kernel.reference(inputs, outputs, call.attrs);
  for (const i of call.kernel.mutates ?? []) writeView(views[i], addresses[i], memory);
  outputs.forEach((view, i) => writeView(view, addresses[inputs.length + i], memory));
}

function readView(spec: Spec, address: number, memory: CpuMemory): View {
  const { buffer } = memory.bytes(address, byteLength(spec)).slice();
  switch (spec.dtype) {
    case "f32":
      return { spec, data: Float64Array.from(new Float32Array(buffer)) };
    case "f16":
      return { spec, data: Float64Array.from(new Float16Array(buffer)) };
    case "i32":
      return { spec, data: new Int32Array(buffer) };
    case "u32":
      return { spec, data: new Uint32Array(buffer) };
  }
}

function writeView({ spec, data }: View, address: number, memory: CpuMemory): void {
  const elements = data instanceof Float64Array ? Float32Array.from(data) : data;
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  memory.bytes(address, byteLength(spec)).set(bytes);
}
