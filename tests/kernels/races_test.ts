import { assert, assertEquals } from "@std/assert";
import { type AnyCase, findSuites, isHalf } from "../../bench/suites.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32 } from "../../engine/core/spec.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import { SOFTMAX } from "../../kernels/softmax/mod.ts";
import { DEFAULT_LIMITS } from "../../engine/device/null_backend.ts";
import { hasBarriers, loadDetector, racesOf, racesOfCase } from "./races.ts";

/** Elements of the inputs from which on a case is worth running: more than one lane has something to do. */
const FEWEST_ELEMENTS = 16;

/** Two tiles of rotated queries and keys, which no case has at so small a size. */
const OWN_SIZES: Readonly<Record<string, Pick<AnyCase, "inputs" | "attrs">>> = {
  attention: { inputs: [f32(1, 33, 3, 1, 8), f32(2, 33, 8)], attrs: { block: 8 } },
  attention_backward: {
    inputs: [f32(1, 33, 3, 1, 8), f32(2, 33, 8), f32(1, 33, 1, 8), f32(1, 1, 33), f32(1, 33, 1, 8)],
    attrs: { block: 8 },
  },
};

function elements({ inputs }: AnyCase): number {
  return inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function smallCase({ name }: AnyKernel, cases: readonly AnyCase[]): AnyCase {
  if (name in OWN_SIZES) {
    const { inputs, attrs } = OWN_SIZES[name];
    return { name: "two tiles", inputs, attrs: { ...cases[0].attrs, ...attrs } };
  }
  const sorted = [...cases].sort((a, b) => elements(a) - elements(b));
  return sorted.find((test) => elements(test) >= FEWEST_ELEMENTS) ?? sorted[sorted.length - 1];
}

const detector = await loadDetector();

for (const { folder, kernel, cases } of await findSuites()) {
  // Storage types change what is read and written, not who does.
  const meeting = cases.filter((test) => hasBarriers(kernel, test) && !isHalf(kernel, test));
  if (meeting.length === 0) continue;
  Deno.test({
    name: `${folder}: \`${kernel.name}\` has no data race within a workgroup`,
    ignore: detector === undefined,
    fn() {
      const test = smallCase(kernel, meeting);
      assertEquals(racesOfCase(detector!, kernel, test).map((message) => `${test.name}, ${message}`), []);
    },
  });
}

Deno.test({
  name: "the race detector finds a barrier that is missing",
  ignore: detector === undefined,
  fn() {
    const [launch] = SOFTMAX.webgpu([f32(2, 8)], {}, DEFAULT_LIMITS).launches;
    const buffers = [new Float32Array(64), new Float32Array(64)];
    assertEquals(racesOf(detector!, launch, buffers), []);
    const barriers = [...launch.source.matchAll(/workgroupBarrier\(\);/g)];
    assertEquals(barriers.length, 3);
    for (const { index } of barriers) {
      const source = `${launch.source.slice(0, index)}${
        launch.source.slice(index).replace(/workgroupBarrier\(\);/, "")
      }`;
      const [race] = racesOf(detector!, { ...launch, source }, buffers);
      assert(race?.startsWith("Data race on 'partials'"), race);
    }
  },
});
