import { f32, i32, type Spec } from "../../engine/core/spec.ts";
import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { HostArray } from "../../engine/core/dtype.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import {
  affineKernel,
  dropoutKernel,
  ELEMENTWISE,
  type ElementwiseAttrs,
  type ElementwiseKernel,
  elementwiseKernel,
  velocityToKernel,
} from "./mod.ts";
import { inHalf } from "../half_cases.ts";
import { add, compare, constant, input, max, min, mul, select, toF32 } from "../expression/expression.ts";

type Case = KernelCase<ElementwiseAttrs>;

function size(name: string, inputs: readonly Spec[], more: Partial<Case> = {}): Case {
  return { name, inputs, attrs: {}, ...more };
}

/** Standard normal numbers of another stream than the default ones, changed by `map`. */
function mapped(map: (value: number) => number): (inputs: readonly Spec[]) => HostArray[] {
  return (inputs) => inputs.map((spec, i) => new Philox(7, i + 1).normals(sizeOf(spec.shape)).map(map));
}

const oneInput: readonly Case[] = [
  size("one element", [f32(1)]),
  size("a scalar", [f32()]),
  size("a prime", [f32(61)]),
  size("several workgroups", [f32(3, 173)]),
  size("rows of fours", [f32(3, 172)]),
];

const positive: readonly Case[] = oneInput.map((test) => ({
  ...test,
  values: mapped((value) => Math.abs(value) + 0.1),
}));

/** Every way in which two operands can be laid out against each other. */
const twoInputs: readonly Case[] = [
  size("one element", [f32(1), f32(1)]),
  size("a prime", [f32(61), f32(61)]),
  size("a row over rows", [f32(5, 37), f32(37)]),
  size("a column over rows", [f32(5, 37), f32(5, 1)]),
  size("outer sum", [f32(7, 1), f32(1, 9)]),
  size("a scalar", [f32(3, 5), f32()]),
  size("the middle", [f32(2, 3, 4, 5), f32(2, 1, 4, 1)]),
  size("a row of fours over rows", [f32(5, 36), f32(36)]),
  size("a column over rows of fours", [f32(5, 36), f32(5, 1)]),
  size("the middle of fours", [f32(2, 3, 4, 8), f32(2, 1, 4, 1)]),
];

const nonZeroSecond: readonly Case[] = twoInputs.map((test) => ({
  ...test,
  values: (inputs) => {
    const [a, b] = mapped((value) => value)(inputs);
    return [a, b.map((value) => (value < 0 ? value - 0.5 : value + 0.5))];
  },
}));

const adaLN = (order: (x: Spec, row: Spec) => readonly Spec[]): readonly Case[] => [
  size("one element", order(f32(1, 1, 1), f32(1, 1, 1))),
  size("a prime width", order(f32(2, 3, 13), f32(2, 1, 13))),
  size("several workgroups", order(f32(3, 10, 64), f32(3, 1, 64))),
];

function labels(inputs: readonly Spec[]): HostArray[] {
  const count = sizeOf(inputs[0].shape);
  return [
    Int32Array.from({ length: count }, (_, i) => i * 7 - 3),
    Float32Array.from({ length: count }, (_, i) => (i * 0.37) % 1),
    Float32Array.of(0.4),
    Int32Array.of(1000),
  ];
}

/** Every node that no named kernel has, on integers and floats. */
const NODES: ElementwiseKernel = elementwiseKernel("expression_nodes", ["f32", "f32", "i32"], [
  select(compare("le", input(0), input(1)), min(input(0), mul(2, input(1))), max(input(0), input(1))),
  mul(input(0), toF32(input(2, "i32"))),
  select(
    compare("eq", input(2, "i32"), constant(3, "i32")),
    max(input(2, "i32"), constant(7, "i32")),
    add(input(2, "i32"), min(input(2, "i32"), mul(input(2, "i32"), constant(-2, "i32")))),
  ),
]);

const nodeCases: readonly Case[] = [[1], [61], [4, 101], [3, 20]].map((shape) =>
  size(`[${shape.join(", ")}]`, [f32(...shape), f32(...shape.slice(-1)), i32(...shape)], {
    values: (inputs) => [
      ...mapped((value) => value)(inputs.slice(0, 2)),
      Int32Array.from({ length: sizeOf(shape) }, (_, i) => (i % 9) - 3),
    ],
  })
);

const fill: ElementwiseKernel = elementwiseKernel("full", [], [constant(1.5), constant(-3, "i32")]);

function suite(kernel: ElementwiseKernel, cases: readonly Case[]): AnySuite {
  return { kernel, cases };
}

/** The same sizes with half-precision operands, all of them or those at some places. */
function halves(cases: readonly Case[], ...places: (readonly number[] | undefined)[]): readonly Case[] {
  return places.flatMap((inputs) =>
    cases.map((test) => inHalf(test, { inputs, name: inputs && `half precision at ${inputs.join(" and ")}` }))
  );
}

const gated = adaLN((x, row) => [x, row, x]);

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  suite(ELEMENTWISE.add, [...twoInputs, ...halves(twoInputs, undefined, [1])]),
  suite(ELEMENTWISE.sub, twoInputs),
  suite(ELEMENTWISE.mul, twoInputs),
  suite(ELEMENTWISE.div, nonZeroSecond),
  suite(ELEMENTWISE.exp, oneInput),
  suite(ELEMENTWISE.log, positive),
  suite(ELEMENTWISE.sqrt, positive),
  suite(ELEMENTWISE.tanh, [
    ...oneInput,
    size("saturated", [f32(64)], { values: mapped((value) => 30 * value) }),
  ]),
  suite(ELEMENTWISE.sigmoid, [
    ...oneInput,
    size("saturated", [f32(64)], { values: mapped((value) => 60 * value) }),
  ]),
  suite(ELEMENTWISE.silu, [
    ...oneInput,
    size("more than 65,535 workgroups", [f32(65536 * 64 + 65)], { forwardOnly: true }),
    ...halves(oneInput, undefined),
  ]),
  suite(ELEMENTWISE.geluTanh, [...oneInput, ...halves(oneInput, undefined)]),
  suite(ELEMENTWISE.swiglu, [...twoInputs, ...halves(twoInputs.slice(0, 3), undefined)]),
  suite(ELEMENTWISE.modulate, [
    ...adaLN((x, row) => [x, row, row]),
    ...halves(adaLN((x, row) => [x, row, row]), undefined, [1, 2]),
  ]),
  suite(ELEMENTWISE.gatedResidual, [...gated, ...halves(gated, undefined, [1, 2])]),
  suite(ELEMENTWISE.interpolate, [
    size("one element", [f32(1, 1), f32(1, 1), f32(1, 1)]),
    size("images", [f32(3, 1, 1, 1), f32(3, 3, 5, 5), f32(3, 3, 5, 5)]),
    size("several blocks of a row", [f32(2, 1), f32(2, 8195), f32(2, 8195)]),
  ]),
  suite(
    ELEMENTWISE.cosSinFeature,
    [[1, 1], [3, 7], [5, 256]].map(([rows, width]) =>
      size(`[${rows}, ${width}]`, [f32(rows, 1), f32(width), f32(width)], {
        differentiate: [0, 1],
        values: () => [
          // Few digits, so that their products are exact and only the sine and the cosine are tested.
          Float32Array.from({ length: rows }, (_, i) => Math.floor(1000 * ((i * 0.37 + 0.37) % 1))),
          Float32Array.from({ length: width }, (_, i) => Math.round(4096 * Math.exp(-i / width)) / 4096),
          Float32Array.from({ length: width }, (_, i) => Number(i >= width / 2)),
        ],
      })
    ),
  ),
  suite(
    ELEMENTWISE.dropLabel,
    [1, 61, 300].map((count) =>
      size(`${count} labels`, [i32(count), f32(count), f32(1), i32(1)], { values: labels, differentiate: [] })
    ),
  ),
  suite(affineKernel(0.8, -0.8), oneInput),
  suite(
    velocityToKernel(0.05),
    [[1, 1, 1, 1], [3, 3, 5, 5], [2, 1, 1, 8195]].map(([batch, ...image]) =>
      size(`[${[batch, ...image].join(", ")}]`, [
        f32(batch, ...image),
        f32(batch, ...image),
        f32(batch, 1, 1, 1),
      ], {
        differentiate: [0, 1],
        values: ([target, z]) => [
          ...mapped((value) => value)([target, z]),
          // The last time is past the clamp.
          Float32Array.from({ length: batch }, (_, i) => i === batch - 1 ? 0.97 : 0.3 + 0.2 * i),
        ],
      })
    ),
  ),
  suite(
    dropoutKernel(0.2),
    [[1], [61], [3, 173]].map((shape) =>
      size(`[${shape.join(", ")}]`, [f32(...shape), f32(...shape)], {
        differentiate: [0],
        values: (inputs) => [
          mapped((value) => value)(inputs)[0],
          new Philox(7, 3).uniforms(sizeOf(shape)),
        ],
      })
    ),
  ),
  suite(
    ELEMENTWISE.toF32,
    [[1], [61], [3, 173]].map((shape) =>
      size(`[${shape.join(", ")}]`, [i32(...shape)], { differentiate: [] })
    ),
  ),
  suite(NODES, nodeCases),
  suite(fill, [
    { name: "one element", inputs: [], attrs: { shape: [1] } },
    { name: "a prime", inputs: [], attrs: { shape: [61] } },
    { name: "rows", inputs: [], attrs: { shape: [5, 103] } },
    { name: "half precision", inputs: [], attrs: { shape: [61], types: ["f16", "i32"] } },
  ]),
];
