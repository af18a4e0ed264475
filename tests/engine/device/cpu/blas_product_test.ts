import { assert, assertEquals } from "@std/assert";
import { byteLength, type Spec } from "../../../../engine/core/spec.ts";
import { type Blas, openBlas } from "../../../../engine/device/cpu/blas.ts";
import { BlasProduct } from "../../../../engine/device/cpu/blas_product.ts";
import { CpuMemory } from "../../../../engine/device/cpu/memory.ts";
import { openDevice } from "../../../../engine/device/open.ts";
import type { AnyKernel, Gemm } from "../../../../engine/kernel.ts";
import { suites as gatedSuites } from "../../../../kernels/gated_matmul/cases.ts";
import { suites as matmulSuites } from "../../../../kernels/matmul/cases.ts";
import { suites as groupedSuites } from "../../../../kernels/moe/grouped_matmul/cases.ts";
import { inputValues, isHalf } from "../../../../bench/suites.ts";
import { compareRuns, runCase } from "../../../kernels/conformance.ts";
import { toleranceOf } from "../../../kernels/tolerance.ts";
import { blasTest } from "./blas_here.ts";

/** Floats behind every output that must stay as they are. */
const GUARD = 16;
const SENTINEL = 12345;

/** Does all pieces of a product, the last one first, on outputs that start as NaN. */
function runPieces(
  blas: Blas,
  gemm: Gemm,
  specs: readonly Spec[],
  values: readonly ArrayBufferView[],
  pieces: number,
): Float32Array {
  const memory = new CpuMemory();
  const addresses = specs.map((spec) => memory.allocate(byteLength(spec) + 4 * GUARD));
  values.forEach(({ buffer, byteOffset, byteLength: length }, i) =>
    memory.bytes(addresses[i], length).set(new Uint8Array(buffer, byteOffset, length))
  );
  const length = byteLength(specs[gemm.c]) / 4;
  const args = memory.allocate(4 * 6);
  const { a, b, c, addend = c, bias = addend, groups: { counts, offsets } = { counts: c, offsets: c } } =
    gemm;
  memory.words(args, 6).set([a, b, c, bias, counts, offsets].map((slot) => addresses[slot]));
  const output = new Float32Array(memory.memory.buffer, addresses[c], length + GUARD);
  output.fill(NaN, 0, length).fill(SENTINEL, length);
  const product = new BlasProduct(gemm, pieces, memory.memory, blas);
  for (let piece = pieces - 1; piece >= 0; piece--) product.run(args, piece, piece + 1);
  assert(output.subarray(length).every((value) => value === SENTINEL), "wrote past the end of C");
  return output.slice(0, length);
}

const suites = [...matmulSuites, ...groupedSuites, ...gatedSuites] as { kernel: AnyKernel; cases: [] }[];

for (const { kernel, cases } of suites) {
  blasTest(`\`BlasProduct\` does "${kernel.name}" in any number of pieces`, async () => {
    using oracle = await openDevice("reference");
    const blas = openBlas();
    try {
      for (const test of cases) {
        if (!isHalf(kernel, test)) await checkCase(kernel, test, blas, oracle);
      }
    } finally {
      blas.close();
    }
  });
}

async function checkCase(
  kernel: AnyKernel,
  test: Parameters<typeof runCase>[2],
  blas: Blas,
  oracle: Parameters<typeof runCase>[0],
): Promise<void> {
  const want = await runCase(oracle, kernel, { ...test, forwardOnly: true });
  const specs = [...test.inputs, ...kernel.infer(test.inputs, test.attrs)];
  const plan = kernel.cpu!(test.inputs, test.attrs);
  const products = (plan.steps ?? [plan]).flatMap(({ gemm }) => gemm ?? []);
  assert(products.length > 0, `${test.name}: no product`);
  for (const gemm of products) {
    for (const pieces of [1, 2, 3, 7]) {
      const outputs = [runPieces(blas, gemm, specs, inputValues(test), pieces)];
      const run = { outputs: outputs as Float32Array<ArrayBuffer>[], mutated: [], gradients: new Map() };
      const own = { ...want, outputs: [want.outputs[gemm.c - test.inputs.length]] };
      const lines = compareRuns(run, own, toleranceOf("cpu", kernel, test));
      assertEquals(lines.map((line) => `${test.name} in ${pieces} pieces: ${line}`), []);
    }
  }
}
