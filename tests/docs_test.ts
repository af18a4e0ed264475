import { assertEquals } from "@std/assert";
import { nanoStep } from "../docs/nano_step.ts";

Deno.test("docs/nano_step.txt is the step that is recorded now (deno run docs/nano_step.ts > docs/nano_step.txt)", async () => {
  assertEquals(await Deno.readTextFile(new URL("../docs/nano_step.txt", import.meta.url)), await nanoStep());
});
