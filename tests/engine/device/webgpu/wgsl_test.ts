import { assertEquals, assertThrows } from "@std/assert";
import { wgslHeader, withSubgroupDirective } from "../../../../engine/device/webgpu/wgsl.ts";

Deno.test("`wgslHeader()` writes numbers and booleans as constants and strings as aliases", () => {
  assertEquals(
    wgslHeader({ ROWS: 8, EPS: 1e-7, FUSED: true, Element: "vec4f" }),
    "const ROWS = 8;\nconst EPS = 1e-7;\nconst FUSED = true;\nalias Element = vec4f;\n",
  );
});

Deno.test("`wgslHeader()` throws when a number is not finite", () => {
  assertThrows(() => wgslHeader({ LIMIT: -Infinity }), RangeError, "LIMIT");
});

Deno.test("`withSubgroupDirective()` enables subgroups only where lanes talk to each other", () => {
  const talks = "let x = subgroupBroadcast(y, 0u);";
  assertEquals(withSubgroupDirective(talks), `enable subgroups;\n${talks}`);
  const silent = "// lanes of a subgroup\nlet subgroup = 1u;";
  assertEquals(withSubgroupDirective(silent), silent);
});
