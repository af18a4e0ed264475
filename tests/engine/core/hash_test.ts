import { assertEquals } from "@std/assert";
import { fnv1a64 } from "../../../engine/core/hash.ts";

Deno.test("`fnv1a64()` gives the published values", () => {
  assertEquals(fnv1a64(""), 0xcbf29ce484222325n);
  assertEquals(fnv1a64("a"), 0xaf63dc4c8601ec8cn);
  assertEquals(fnv1a64("foobar"), 0x85944171f73967e8n);
});
