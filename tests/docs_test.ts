import { assertEquals } from "@std/assert";
import { stepCostTables } from "../docs/bench/step_cost.ts";
import { nanoStep } from "../docs/nano_step.ts";

Deno.test("docs/nano_step.txt is the step that is recorded now (deno run docs/nano_step.ts > docs/nano_step.txt)", async () => {
  assertEquals(await Deno.readTextFile(new URL("../docs/nano_step.txt", import.meta.url)), await nanoStep());
});

Deno.test("docs/bench/webgpu.md has the launches and bytes of a step as it is now (deno run docs/bench/step_cost.ts)", async () => {
  const page = await Deno.readTextFile(new URL("../docs/bench/webgpu.md", import.meta.url));
  const tables = await stepCostTables();
  assertEquals(tables.filter((table) => !page.includes(table)), []);
});
