import { assertEquals } from "@std/assert";
import { findDuplicateKey } from "../../../engine/checkpoint/json_keys.ts";

Deno.test("`findDuplicateKey()` finds a key that occurs twice in one object", () => {
  assertEquals(findDuplicateKey('{"a":1,"b":2,"a":3}'), "a");
  assertEquals(findDuplicateKey('{ "a" : 1 , "x" : [ { "k" : 0 , "k" \n : 1 } ] }'), "k");
  assertEquals(findDuplicateKey('{"a":1,"\\u0061":2}'), "a");
  assertEquals(findDuplicateKey('{"__proto__":1,"__proto__":2}'), "__proto__");
  assertEquals(findDuplicateKey('{"q\\"\\\\":1,"q\\"\\\\":2}'), 'q"\\');
});

Deno.test("`findDuplicateKey()` takes no value and no key of another object for a duplicate", () => {
  assertEquals(findDuplicateKey('{"a":"a","b":"a"}'), undefined);
  assertEquals(findDuplicateKey('{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}'), undefined);
  assertEquals(findDuplicateKey('{"a":"\\",\\"a\\":","b":"{"}'), undefined);
  assertEquals(findDuplicateKey('["a","a",":",{}]'), undefined);
  assertEquals(findDuplicateKey("{}"), undefined);
});
