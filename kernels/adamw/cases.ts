import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, i32, u32 } from "../../engine/core/spec.ts";
import type { AnyKernel, AnySuite, KernelCase } from "../../engine/kernel.ts";
import {
  ADAMW,
  ADAMW_ADVANCE,
  ADAMW_EMA,
  type AdamwAttrs,
  type AdvanceAttrs,
  ALWAYS,
  EMA_UPDATE,
  type EmaAttrs,
  NEVER,
} from "./mod.ts";

interface AdvanceSetup {
  readonly steps: readonly number[];
  readonly source?: readonly number[];
  readonly counts?: readonly number[];
  readonly gate?: number;
  readonly attrs?: Partial<AdvanceAttrs>;
}

function advanceCase(setup: AdvanceSetup): KernelCase<AdvanceAttrs> {
  const { steps, counts = [1], gate = 1, source = steps.map(() => ALWAYS) } = setup;
  const slots = steps.length;
  return {
    name: `${slots} slots from step ${steps[0]}, gate ${gate}, source ${source.slice(0, 4)}`,
    inputs: [u32(slots), f32(slots, 2), f32(1), f32(1), i32(counts.length), i32(slots), f32(slots)],
    attrs: { beta1: 0.9, beta2: 0.999, ...setup.attrs },
    values: () => [
      Uint32Array.from(steps),
      new Float32Array(2 * slots),
      new Float32Array([0.01]),
      new Float32Array([gate]),
      Int32Array.from(counts),
      Int32Array.from(source),
      Float32Array.from(steps, (_, slot) => slot % 2 === 0 ? 0.1 : 0),
    ],
  };
}

const ADVANCE: readonly KernelCase<AdvanceAttrs>[] = [
  advanceCase({ steps: [0] }),
  advanceCase({ steps: [0, 1, 99_999], gate: 0.25, attrs: { beta2: 0.95 } }),
  advanceCase({ steps: [3, 5, 0, 7, 1], source: [2, ALWAYS, 0, NEVER, 1], counts: [0, 9, 4] }),
  advanceCase({ steps: [2, 3], gate: -1 }),
  advanceCase({ steps: Array.from({ length: 131 }, (_, slot) => slot) }),
];

interface Setup {
  readonly shape: readonly number[];
  readonly line?: number;
  readonly slots?: readonly number[];
  /** Factor on the gradient of each slot; -1 for an idle one, -2 for a void step. */
  readonly factors?: readonly number[];
  readonly attrs?: Partial<AdamwAttrs>;
}

function adamwCase(ema: boolean, setup: Setup): KernelCase<AdamwAttrs> {
  const { shape, line = sizeOf(shape), slots = [0], factors = [1] } = setup;
  const like = f32(...shape);
  const inputs = [like, like, like, like, f32(factors.length, 4), i32(slots.length)];
  const attrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, line, ...setup.attrs };
  return {
    name: `[${shape}] in lines of ${line}, factors ${factors}`,
    inputs: ema ? [...inputs, like] : inputs,
    attrs: ema ? { ...attrs, emaDecay: 0.9 } : attrs,
    values: () => {
      const normals = (stream: number) => new Philox(8, stream).normals(sizeOf(shape));
      const values = [
        normals(1),
        normals(2).map((m) => 0.1 * m),
        normals(3).map((v) => v * v),
        normals(4),
        Float32Array.from(factors.flatMap((factor, slot) => [1e-3 * slot, 0.01 + slot, 1 + slot, factor])),
        Int32Array.from(slots),
      ];
      return ema ? [...values, normals(5)] : values;
    },
  };
}

function casesOf(ema: boolean): KernelCase<AdamwAttrs>[] {
  return [
    adamwCase(ema, { shape: [1] }),
    adamwCase(ema, { shape: [7, 13], factors: [0.25] }),
    adamwCase(ema, { shape: [5003], attrs: { beta2: 0.95 } }),
    adamwCase(ema, { shape: [3, 3, 7], line: 21, slots: [0, 1, 2], factors: [1, -1, 1] }),
    adamwCase(ema, { shape: [4, 4100], line: 4100, slots: [3, 1, 2, 0], factors: [1, 0.5, -1, 0.5] }),
    adamwCase(ema, { shape: [10], factors: [-2] }),
    adamwCase(ema, {
      shape: [64 * 70],
      line: 64,
      slots: Array.from({ length: 70 }, (_, line) => (line >> 3) % 4),
      factors: [1, -1, 0.5, 2],
    }),
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

/** Sizes of all kernels: one, primes, more than one chunk, idle slots, a closed gate, first and late steps. */
export const suites: readonly AnySuite[] = [
  suite(ADAMW, casesOf(false)),
  suite(ADAMW_EMA, casesOf(true)),
  { kernel: ADAMW_ADVANCE, cases: ADVANCE },
  { kernel: EMA_UPDATE, cases: [emaCase(1, 1, 0.5), emaCase(4099, 0.1, 0.9999), emaCase(13, -1, 0.5)] },
];
