import { assertEquals } from "@std/assert";
import { formulaImage, formulaWeights } from "../../eval/parity/formula.ts";

Deno.test("`formulaWeights()` gives the published test vectors", () => {
  const vectors: Readonly<Record<string, readonly [shape: readonly number[], first: readonly number[]]>> = {
    "Conv2d_1a_3x3.conv.weight": [[32, 3, 3, 3], [
      0.18303239345550537,
      0.3632623553276062,
      -0.29255568981170654,
      -0.22567611932754517,
    ]],
    "Conv2d_1a_3x3.bn.running_var": [[32], [
      1.0902678966522217,
      1.2360942363739014,
      1.085305094718933,
      1.096040964126587,
    ]],
    "Mixed_6d.branch7x7_2.conv.weight": [[160, 160, 1, 7], [
      0.018993325531482697,
      0.05344194546341896,
      0.0533258281648159,
      0.028972554951906204,
    ]],
    "fc.weight": [[1008, 2048], [
      -0.04796072468161583,
      -0.0581047348678112,
      -0.02025601826608181,
      0.008470026776194572,
    ]],
    "fc.bias": [[1008], [
      0.11622929573059082,
      -0.051908254623413086,
      -0.38700783252716064,
      0.5525816679000854,
    ]],
  };
  for (const [name, [shape, first]] of Object.entries(vectors)) {
    assertEquals([...formulaWeights(name, shape).subarray(0, 4)], first, name);
  }
});

Deno.test("`formulaImage()` gives the published first row and sum", () => {
  const pixels = formulaImage({ name: "image.a0", height: 64, width: 64, block: 16 });
  assertEquals([...pixels.subarray(0, 8)], [182, 133, 131, 162, 164, 152, 145, 160]);
  assertEquals(pixels.reduce((sum, pixel) => sum + pixel, 0), 1_380_351);
});
