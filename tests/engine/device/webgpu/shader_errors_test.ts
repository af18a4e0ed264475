import { assertEquals } from "@std/assert";
import { explainCompileError } from "../../../../engine/device/webgpu/shader_errors.ts";

const launch = { source: "one\ntwo\nthree\nfour\nfive\nsix", bindings: [0], groups: [1, 1, 1] as const };

Deno.test("`explainCompileError()` numbers the lines around the wrong one", () => {
  const messages = [{
    type: "error",
    lineNum: 4,
    message: "\nShader 'k' parsing error: no such name\n  ┌─ k:4:1\n",
  }];
  assertEquals(
    explainCompileError("k", { ...launch, overrides: { N: 2 } }, "", messages),
    'Cannot compile kernel "k": no such name (entry point main, N = 2)\n' +
      "  2 | two\n  3 | three\n> 4 | four\n  5 | five\n  6 | six",
  );
});

Deno.test("`explainCompileError()` keeps the notes of a validation error", () => {
  const message =
    "\nShader validation error: Entry point main is invalid\n  ┌─ k:1:1\n  │\n  = Types differ\n\n";
  assertEquals(
    explainCompileError("k", launch, "", [{ type: "error", lineNum: 1, message }]),
    'Cannot compile kernel "k": Entry point main is invalid; Types differ (entry point main)\n' +
      "> 1 | one\n  2 | two\n  3 | three",
  );
});

Deno.test("`explainCompileError()` uses the scope's message when the compiler has none", () => {
  assertEquals(
    explainCompileError("k", { ...launch, entryPoint: "go" }, "No constant\n 'M'", []),
    "Cannot compile kernel \"k\": No constant; 'M' (entry point go)",
  );
});
