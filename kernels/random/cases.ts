import { normalTable } from "../../engine/core/random.ts";
import { i32, u32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase, KernelSuite } from "../../engine/kernel.ts";
import { RANDOM_NORMAL, RANDOM_UNIFORM, type RandomAttrs } from "./kernel.ts";

const RNG = Uint32Array.of(0x9e3779b9, 0xdeadbeef, 0xfffffffe);

interface Size {
  readonly name: string;
  readonly shape: readonly number[];
  readonly stream: number;
}

const SIZES: readonly Size[] = [
  { name: "one element", shape: [1], stream: 0 },
  { name: "three elements", shape: [3], stream: 0xffffffff },
  { name: "one item of the CPU", shape: [4, 4], stream: 5 },
  { name: "a prime", shape: [7919], stream: 1 },
  { name: "latents", shape: [4, 4, 32, 32], stream: 2 },
];

const BEYOND: Size = { name: "more than 65,535 workgroups", shape: [16_777_217], stream: 3 };

/** Outputs are exact on every device. */
const EXACT = { strict: 0, relaxed: 0 };

function uniformCase({ name, shape, stream }: Size): KernelCase<RandomAttrs> {
  return {
    name,
    inputs: [u32(3)],
    attrs: { shape, stream },
    values: () => [RNG.slice()],
    tolerance: EXACT,
    forwardOnly: true,
  };
}

function normalCase(size: Size): KernelCase<RandomAttrs> {
  return {
    ...uniformCase(size),
    inputs: [u32(3), i32(normalTable().length)],
    values: () => [RNG.slice(), normalTable()],
  };
}

const uniform: KernelSuite<RandomAttrs> = {
  kernel: RANDOM_UNIFORM,
  cases: [...SIZES, BEYOND].map(uniformCase),
};

const normal: KernelSuite<RandomAttrs> = { kernel: RANDOM_NORMAL, cases: SIZES.map(normalCase) };

/** Sizes of the random kernels. */
export const suites: readonly AnySuite[] = [uniform, normal];
