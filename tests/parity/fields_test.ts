import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../engine/core/errors.ts";
import { Fields } from "../../eval/parity/fields.ts";

Deno.test("`Fields` reads typed values, and falls back where one is absent or null", () => {
  const fields = new Fields("config", {
    depth: 4,
    head_dim: null,
    sinks: false,
    betas: [0.9, 0.99],
    mode: "b",
  });
  assertEquals(fields.number("depth"), 4);
  assertEquals(fields.optionalNumber("head_dim"), null);
  assertEquals(fields.number("width", 8), 8);
  assertEquals(fields.flag("sinks"), false);
  assertEquals(fields.numbers("betas"), [0.9, 0.99]);
  assertEquals(fields.choice("mode", ["a", "b"]), "b");
  fields.finish();
});

Deno.test("`Fields` throws when a value is of another type", () => {
  const fields = new Fields("config", { depth: "4", flag: 1, mode: "c", list: [1, "2"], part: [] });
  assertThrows(() => fields.number("depth"), ConfigError, 'Cannot use config.depth "4": wanted a number');
  assertThrows(() => fields.flag("flag"), ConfigError, "wanted true or false");
  assertThrows(() => fields.choice("mode", ["a", "b"]), ConfigError, "wanted one of a, b");
  assertThrows(() => fields.numbers("list"), ConfigError, "wanted a list of numbers");
  assertThrows(() => fields.section("part"), ConfigError, "Cannot read config.part: wanted an object");
});

Deno.test("`Fields.finish()` throws when a field was not read", () => {
  const fields = new Fields("config", { known: 1, harmless: 2, novel: 3 });
  fields.number("known");
  fields.ignore("harmless");
  assertThrows(() => fields.finish(), ConfigError, "config.novel is not supported");
});

Deno.test("`Fields.requireOff()` throws when a switch is on", () => {
  const fields = new Fields("config", { off: false, none: null, zero: 0, on: true });
  fields.requireOff("off", "none", "zero", "absent");
  assertThrows(() => fields.requireOff("on"), ConfigError, "Cannot use config.on true");
});
