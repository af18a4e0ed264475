/**
 * Holds the kernel cards: their headings, their length, and their figures against `cost()`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { DType } from "../engine/core/dtype.ts";
import { makeSpec, type Spec } from "../engine/core/spec.ts";
import type { AnyKernel, AnySuite, Cost } from "../engine/kernel.ts";
import { addressOf, kernelFolders, lineCount, textOf } from "./source_tree.ts";

const HEADINGS = [
  "Computes",
  "Shapes",
  "Cost",
  "Picture",
  "Versions",
  "Backward",
  "Numerics",
  "Limits",
  "Try it",
  "References",
];
const LONGEST = 80;

/** A `json cost` block: a call, and what it costs. */
interface CostBlock extends Cost {
  /** Name of the kernel; the folder's first unless given. */
  readonly kernel?: string;
  readonly inputs: readonly string[];
  readonly attrs: unknown;
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[^]*?^```$/gm, "");
}

function costBlocks(text: string): CostBlock[] {
  return [...text.matchAll(/^```json cost\n([^]*?)^```$/gm)].map(([, json]) => JSON.parse(json));
}

function parseSpec(text: string): Spec {
  const [, dtype, extents] = text.match(/^(\w+)\[([\d, ]*)\]$/) ?? [];
  assert(dtype !== undefined, `"${text}" is not a spec: wanted one as f32[2, 3]`);
  const shape = extents === "" ? [] : extents.split(",").map(Number);
  return makeSpec(dtype as DType, shape);
}

async function kernelOf(folder: string, name: string | undefined): Promise<AnyKernel> {
  const { suites } = await import(addressOf(`${folder}/cases.ts`)) as { suites: readonly AnySuite[] };
  const found = name === undefined ? suites[0] : suites.find(({ kernel }) => kernel.name === name);
  assert(found !== undefined, `kernel "${name}" is not among the cases of ${folder}`);
  return found.kernel;
}

for (const folder of kernelFolders()) {
  const path = `${folder}/README.md`;

  Deno.test(`${path} has the headings of a card and at most ${LONGEST} lines`, () => {
    const text = textOf(path);
    assertEquals([...withoutCode(text).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading), HEADINGS);
    assert(lineCount(text) <= LONGEST, `${lineCount(text)} lines, at most ${LONGEST} wanted`);
  });

  Deno.test(`${path} states the cost that \`cost()\` gives`, async () => {
    const blocks = costBlocks(textOf(path));
    assert(blocks.length > 0, "a block of ```json cost is wanted");
    for (const { kernel: name, inputs, attrs, ...stated } of blocks) {
      const kernel = await kernelOf(folder, name);
      const specs = inputs.map(parseSpec);
      kernel.infer(specs, attrs);
      const { flops, bytesRead, bytesWritten } = kernel.cost(specs, attrs);
      assertEquals(stated, { flops, bytesRead, bytesWritten });
    }
  });

  Deno.test(`${path} can be tried`, () => {
    const [, section] = textOf(path).match(/^## Try it$([^]*?)^## /m) ?? [];
    assert(/^```ts$/m.test(section ?? ""), "a block of ```ts that `deno test --doc` runs is wanted");
  });
}
