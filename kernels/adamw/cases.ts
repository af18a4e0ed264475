import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, i32, u32 } from "../../engine/core/spec.ts";
import type { AnyKernel, AnySuite, KernelCase } from "../../engine/kernel.ts";
import { ADAMW, ADAMW_EMA, type AdamwAttrs, EMA_UPDATE, type EmaAttrs } from "./mod.ts";

const SETTINGS: AdamwAttrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 };

interface AdamwSetup {
  readonly shape: readonly number[];
  readonly groups?: number;
  readonly steps?: readonly number[];
  readonly gate?: number;
  readonly active?: readonly number[];
  readonly attrs?: Partial<AdamwAttrs>;
}

function adamwCase(ema: boolean, setup: AdamwSetup): KernelCase<AdamwAttrs> {
  const { shape, groups = 1, steps = [0], gate = 1, active = new Array(groups).fill(1) } = setup;
  const like = f32(...shape);
  const inputs = [like, like, like, u32(groups), f32(groups, 2), like, f32(1), f32(1), i32(groups)];
  return {
    name: `[${shape}] in ${groups} groups, steps ${steps}, gate ${gate}, active ${active}`,
    inputs: ema ? [...inputs, like] : inputs,
    attrs: { ...SETTINGS, ...setup.attrs, ...(ema ? { emaDecay: 0.9 } : {}) },
    values: () => {
      const normals = (stream: number) => new Philox(8, stream).normals(sizeOf(shape));
      const fresh = steps[0] === 0;
      const values = [
        normals(1),
        normals(2).map((m) => fresh ? 0 : 0.1 * m),
        normals(3).map((v) => fresh ? 0 : v * v),
        Uint32Array.from({ length: groups }, (_, g) => steps[g % steps.length]),
        new Float32Array(2 * groups),
        normals(4),
        new Float32Array([0.01]),
        new Float32Array([gate]),
        Int32Array.from(active),
      ];
      return ema ? [...values, normals(5)] : values;
    },
  };
}

function casesOf(ema: boolean): KernelCase<AdamwAttrs>[] {
  return [
    adamwCase(ema, { shape: [1] }),
    adamwCase(ema, { shape: [7, 13], steps: [1], gate: 0.25 }),
    adamwCase(ema, { shape: [5003], steps: [1000], attrs: { weightDecay: 0, beta2: 0.95 } }),
    adamwCase(ema, { shape: [3, 3, 7], groups: 3, steps: [0, 5, 99_999], active: [1, 0, 1] }),
    adamwCase(ema, { shape: [4, 4100], groups: 4, steps: [2, 3, 2, 0], active: [0, 1, 1, 1], gate: 0.5 }),
    adamwCase(ema, { shape: [2, 5], groups: 2, steps: [3, 4], gate: -1 }),
  ];
}

function emaCase(size: number, gate: number, decay: number): KernelCase<EmaAttrs> {
  return {
    name: `${size} elements, gate ${gate}, decay ${decay}`,
    inputs: [f32(size), f32(size), f32(1)],
    attrs: { decay },
    values: () => [
      new Philox(9, 1).normals(size),
      new Philox(9, 2).normals(size),
      new Float32Array([gate]),
    ],
  };
}

function suite(kernel: AnyKernel, cases: readonly KernelCase<AdamwAttrs>[]): AnySuite {
  return { kernel, cases };
}

/** Sizes of all three kernels: one, primes, more than one chunk, idle groups, a closed gate, first and late steps. */
export const suites: readonly AnySuite[] = [
  suite(ADAMW, casesOf(false)),
  suite(ADAMW_EMA, casesOf(true)),
  { kernel: EMA_UPDATE, cases: [emaCase(1, 1, 0.5), emaCase(4099, 0.1, 0.9999), emaCase(13, -1, 0.5)] },
];
