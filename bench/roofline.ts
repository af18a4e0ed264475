import { f32 } from "../engine/core/spec.ts";
import { Philox } from "../engine/core/random.ts";
import { sizeOf } from "../engine/core/shape.ts";
import type { Spec } from "../engine/core/spec.ts";
import type { Device } from "../engine/device/device.ts";
import type { AnyKernel, Cost } from "../engine/kernel.ts";
import { ASSIGN } from "../kernels/assign/mod.ts";
import { elementwiseKernel } from "../kernels/elementwise/mod.ts";
import { add, type Expression, input, mul } from "../kernels/expression/expression.ts";
import { MATMUL } from "../kernels/matmul/mod.ts";
import { timeWorkload } from "./measure.ts";

/** What a device can do at most, measured here and now. */
export interface Roofline {
  /** Floating-point operations a second. */
  readonly flops: number;
  /** Which kernel reached them. */
  readonly flopsBy: string;
  /** Bytes a second, read and written. */
  readonly bandwidth: number;
  /** Which kernel reached them. */
  readonly bandwidthBy: string;
}

const CHAINS = 8;
const CHAIN_LENGTH = 8;
const BUDGET = 100;
const ROUNDS = 5;

/** Sizes that are large enough for a device and not too slow. */
const SIZES = {
  webgpu: { copy: 2 ** 23, chain: 2 ** 20, matmul: 512 },
  cpu: { copy: 2 ** 23, chain: 2 ** 18, matmul: 512 },
  reference: { copy: 2 ** 20, chain: 2 ** 14, matmul: 64 },
} as const;

/** Independent chains of multiply-adds on one element: arithmetic with hardly a memory access, and none that waits. */
function chains(): AnyKernel {
  const values = Array.from({ length: CHAINS }, (_, i) => {
    let value: Expression = input(0);
    for (let step = 0; step < CHAIN_LENGTH; step++) value = add(mul(value, 0.5), i + 1);
    return value;
  });
  return elementwiseKernel("multiply_add", ["f32"], [values.reduce((sum, value) => add(sum, value))]);
}

/** Measures bandwidth by a large copy, and arithmetic by the faster of a large matmul and chains of multiply-adds. */
export async function measureRoofline(device: Device): Promise<Roofline> {
  const { copy, chain: elements, matmul: n } = SIZES[device.kind];
  const bytes = await rate(device, ASSIGN, [f32(copy), f32(copy)], {});
  const product = await rate(device, MATMUL, [f32(n, n), f32(n, n)], { transA: false, transB: true });
  const chained = await rate(device, chains(), [f32(elements)], {});
  const [flops, flopsBy] = product.flops >= chained.flops
    ? [product.flops, `matmul of ${n}x${n}x${n}`]
    : [chained.flops, `${CHAINS * CHAIN_LENGTH} multiply-adds on each of ${elements} elements`];
  return { flops, flopsBy, bandwidth: bytes.bytes, bandwidthBy: `assign of f32[${copy}]` };
}

async function rate(
  device: Device,
  kernel: AnyKernel,
  inputs: readonly Spec[],
  attrs: unknown,
): Promise<{ flops: number; bytes: number }> {
  const values = inputs.map(({ shape }, i) => new Philox(2, i).normals(sizeOf(shape)));
  const { microseconds } = await timeWorkload(device, { kernel, inputs, values, attrs }, BUDGET, ROUNDS);
  const { flops, bytesRead, bytesWritten } = kernel.cost(inputs, attrs);
  return { flops: 1e6 * flops / microseconds, bytes: 1e6 * (bytesRead + bytesWritten) / microseconds };
}

/** The fraction of the attainable speed that a call reached: the time that the roofline allows over the time taken. */
export function fractionOfRoofline(cost: Cost, microseconds: number, roofline: Roofline): number {
  const arithmetic = cost.flops / roofline.flops;
  const memory = (cost.bytesRead + cost.bytesWritten) / roofline.bandwidth;
  return 1e6 * Math.max(arithmetic, memory) / microseconds;
}
