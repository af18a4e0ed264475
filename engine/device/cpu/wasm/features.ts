/** What the runtime's WebAssembly offers to the CPU device. */
export interface WasmFeatures {
  /** 128-bit vectors, which the CPU device cannot do without. */
  readonly simd: boolean;
  /** Vector instructions whose last bits may differ between machines. */
  readonly relaxedSimd: boolean;
  /** Atomic instructions. */
  readonly threads: boolean;
  /** Memory that workers can share. */
  readonly sharedMemory: boolean;
}

const V128 = 0x7b;
const I32 = 0x7f;
const CONST = 0x41;
const SPLAT = [CONST, 0, 0xfd, 0x0f];
const SHARED_MEMORY = [5, 4, 1, 3, 1, 1];

/** The smallest module of one function without parameters. */
function validates(
  result: readonly number[],
  body: readonly number[],
  memory: readonly number[] = [],
): boolean {
  const type = [1, 4 + result.length, 1, 0x60, 0, result.length, ...result];
  const code = [10, 4 + body.length, 1, 2 + body.length, 0, ...body, 0x0b];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return WebAssembly.validate(Uint8Array.from([...header, ...type, 3, 2, 1, 0, ...memory, ...code]));
}

/** Asks the runtime, by validating one instruction of each extension. */
export function wasmFeatures(): WasmFeatures {
  return {
    simd: validates([V128], SPLAT), // i8x16.splat
    relaxedSimd: validates([V128], [...SPLAT, ...SPLAT, 0xfd, 0x80, 0x02]), // i8x16.relaxed_swizzle
    threads: validates([I32], [CONST, 0, CONST, 1, 0xfe, 0x1e, 2, 0], SHARED_MEMORY), // i32.atomic.rmw.add
    sharedMemory: hasSharedMemory(),
  };
}

function hasSharedMemory(): boolean {
  try {
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}
