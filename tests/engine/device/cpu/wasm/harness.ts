import { type KernelBuilder, kernelModule } from "../../../../../engine/device/cpu/wasm/mod.ts";

type Array32 = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

const memory = new WebAssembly.Memory({ initial: 128, maximum: 65536, shared: true });
const ARGS = 64;
const FIRST = 1024;

/** Bytes around each array that a kernel must leave alone. */
const GUARD = 64;

/**
 * Runs `build`'s kernel once over `[begin, end)` with the arrays in shared memory, copies them back, and throws if
 * the module is invalid or a byte after an array changed.
 */
export function runKernel(
  build: (f: KernelBuilder) => void,
  arrays: readonly Array32[],
  begin = 0,
  end = 1,
  lane = 0,
): void {
  const bytes = kernelModule(build);
  const module = new WebAssembly.Module(bytes);
  const imports = { env: { memory, data: FIRST } };
  const run = new WebAssembly.Instance(module, imports).exports.run as CallableFunction;
  const all = new Uint8Array(memory.buffer);
  const pointers = new Uint32Array(memory.buffer, ARGS, arrays.length);
  let address = FIRST + 4096;
  arrays.forEach((array, i) => {
    pointers[i] = address;
    all.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), address);
    all.fill(0xa5, address + array.byteLength, address + array.byteLength + GUARD);
    address += Math.ceil((array.byteLength + GUARD) / 64) * 64;
  });
  run(ARGS, begin, end, lane);
  arrays.forEach((array, i) => {
    const from = pointers[i], to = from + array.byteLength;
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(all.slice(from, to));
    if (all.subarray(to, to + GUARD).some((byte) => byte !== 0xa5)) {
      throw new Error(`The kernel wrote past the end of array ${i}`);
    }
  });
}

/** The `f32` values that a kernel stores to its first pointer. */
export function computeF32(count: number, build: (f: KernelBuilder) => void): number[] {
  const out = new Float32Array(count);
  runKernel(build, [out]);
  return [...out];
}

/** The `i32` values that a kernel stores to its first pointer. */
export function computeI32(count: number, build: (f: KernelBuilder) => void): number[] {
  const out = new Int32Array(count);
  runKernel(build, [out]);
  return [...out];
}
