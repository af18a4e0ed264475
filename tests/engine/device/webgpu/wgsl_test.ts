import { assertEquals, assertThrows } from "@std/assert";
import { wgslHeader } from "../../../../engine/device/webgpu/wgsl.ts";

Deno.test("`wgslHeader()` writes numbers and booleans as constants and strings as aliases", () => {
  assertEquals(
    wgslHeader({ ROWS: 8, EPS: 1e-7, FUSED: true, Element: "vec4f" }),
    "const ROWS = 8;\nconst EPS = 1e-7;\nconst FUSED = true;\nalias Element = vec4f;\n",
  );
});

Deno.test("`wgslHeader()` throws when a number is not finite", () => {
  assertThrows(() => wgslHeader({ LIMIT: -Infinity }), RangeError, "LIMIT");
});
