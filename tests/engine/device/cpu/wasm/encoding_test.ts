import { assertEquals } from "@std/assert";
import {
  encodeName,
  encodeSection,
  encodeVector,
  signedLeb128,
  signedLeb128Wide,
  unsignedLeb128,
} from "../../../../../engine/device/cpu/wasm/encoding.ts";

Deno.test("`unsignedLeb128()` writes seven bits a byte, lowest first", () => {
  assertEquals(unsignedLeb128(0), [0]);
  assertEquals(unsignedLeb128(127), [0x7f]);
  assertEquals(unsignedLeb128(624485), [0xe5, 0x8e, 0x26]);
  assertEquals(unsignedLeb128(0xffffffff), [0xff, 0xff, 0xff, 0xff, 0x0f]);
});

Deno.test("`signedLeb128()` and `signedLeb128Wide()` agree and extend the sign", () => {
  assertEquals(signedLeb128(-123456), [0xc0, 0xbb, 0x78]);
  for (const value of [0, 1, -1, 63, 64, -64, -65, 0x7fffffff, -0x80000000]) {
    assertEquals(signedLeb128(value), signedLeb128Wide(BigInt(value)));
  }
});

Deno.test("names, vectors and sections carry their length", () => {
  assertEquals(encodeName("µ"), [2, 0xc2, 0xb5]);
  assertEquals(encodeVector([[1, 2], [3]]), [2, 1, 2, 3]);
  assertEquals(encodeSection(7, [9, 9]), [7, 2, 9, 9]);
});
