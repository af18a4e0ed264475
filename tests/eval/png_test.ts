import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { DataError } from "../../engine/core/errors.ts";
import { decodePng, encodePng, readPng } from "../../eval/png.ts";

const noise = Uint8Array.from({ length: 9 * 7 * 4 }, (_, i) => (i * 7919) % 251);
const whole = encodePng({ width: 9, height: 7, rgba: noise });

Deno.test("`decodePng()` gives back what `encodePng()` was given, alpha included", () => {
  assertEquals(decodePng(whole, "noise.png"), { width: 9, height: 7, rgba: noise });
});

Deno.test("`decodePng()` widens grey pixels to red, green, blue and opaque alpha", () => {
  // A 1 x 1 image of grey 128 (colour type 0, depth 8), written by another encoder.
  const grey = Uint8Array.fromBase64(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
  );
  assertEquals([...decodePng(grey, "grey.png").rgba], [128, 128, 128, 255]);
});

Deno.test("`decodePng()` names the file when the PNG is cut at any byte", () => {
  for (let length = 0; length < whole.length; length++) {
    assertThrows(() => decodePng(whole.slice(0, length), "cut.png"), DataError, '"cut.png"');
  }
});

Deno.test("`decodePng()` names the file when a pixel byte was altered", () => {
  const altered = whole.slice();
  altered[whole.length - 30] ^= 0xff;
  assertThrows(() => decodePng(altered, "altered.png"), DataError, '"altered.png"');
});

Deno.test("`decodePng()` refuses a header of 4 billion x 4 billion pixels without allocating them", () => {
  const hostile = whole.slice();
  hostile.fill(0xff, 16, 24);
  assertThrows(() => decodePng(hostile, "huge.png"), DataError, "4294967295 x 4294967295");
});

Deno.test("`decodePng()` says that a PNG is wanted when the bytes are text", () => {
  assertThrows(
    () => decodePng(new TextEncoder().encode("not an image"), "note.png"),
    DataError,
    'Cannot decode "note.png": a PNG file is wanted',
  );
});

Deno.test("`readPng()` names the file in one line when it does not exist", async () => {
  const error = await assertRejects(() => readPng("/nowhere/missing.png"), DataError, "missing.png");
  assertMatch((error as Error).message, /^[^\n]+$/);
});
