import { assertThrows } from "@std/assert";
import { ConfigError } from "../../engine/core/errors.ts";
import { positive, wants } from "../../models/fields.ts";

Deno.test("`positive()` names the field that is not a whole number of at least 1", () => {
  positive("model", { depth: 1, patch_size: 16 });
  for (const value of [0, -1, 1.5, NaN]) {
    const message = `Cannot use model.depth ${value}: wanted a whole number of at least 1`;
    assertThrows(() => positive("model", { patch_size: 16, depth: value }), ConfigError, message);
  }
});

Deno.test("`wants()` throws when the condition does not hold", () => {
  wants(true, "moe.topk", 3, "at most 2");
  assertThrows(
    () => wants(false, "moe.topk", 3, "at most 2"),
    ConfigError,
    "Cannot use moe.topk 3: wanted at most 2",
  );
});
