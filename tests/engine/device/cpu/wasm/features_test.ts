import { assertEquals } from "@std/assert";
import { wasmFeatures } from "../../../../../engine/device/cpu/wasm/features.ts";

Deno.test("`wasmFeatures()` finds all extensions in the Deno that the project asks for", () => {
  assertEquals(wasmFeatures(), { simd: true, relaxedSimd: true, threads: true, sharedMemory: true });
});

Deno.test("`wasmFeatures()` says no where the runtime refuses modules and shared memory", () => {
  const { validate, Memory } = WebAssembly;
  try {
    WebAssembly.validate = () => false;
    WebAssembly.Memory = class extends Memory {
      constructor() {
        super({ initial: 1 });
      }
    };
    assertEquals(wasmFeatures(), { simd: false, relaxedSimd: false, threads: false, sharedMemory: false });
  } finally {
    Object.assign(WebAssembly, { validate, Memory });
  }
});
