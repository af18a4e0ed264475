import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { parseCommandLine } from "../../cli/command.ts";
import { openSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { COMMAND, freshConfig, main } from "../../train/main.ts";
import { captured } from "../output.ts";
import { tinyFlags, withImages } from "./tiny_run.ts";

Deno.test("`train --recompute --batch N` sets the fields of the configuration", async () => {
  const configOf = (...args: string[]) => freshConfig(parseCommandLine(COMMAND, args));
  const { train } = await configOf("--recompute", "--batch=3");
  assertEquals([train.recompute, train.batch_size], [true, 3]);
  assertEquals((await configOf()).train.recompute, false);
  assertEquals((await configOf("--train.recompute=true")).train.recompute, true);
});

/** Everything in a checkpoint but its configuration. */
async function stateOf(run: string): Promise<unknown[]> {
  using file = await openSafetensors(join(run, "checkpoint.safetensors"));
  const names = [...file.tensors.keys()];
  return [file.metadata.step, names, ...await Promise.all(names.map((name) => file.read(name)))];
}

Deno.test("a run may go on with --recompute, and ends bit-equal", () =>
  withImages(async (folder, images) => {
    const [plain, again] = [join(folder, "plain"), join(folder, "again")];
    const flags = [...tinyFlags(images), "--device=cpu"];
    const run = async (...args: string[]) => {
      const { value: code, out, err } = await captured(() => main(args));
      assertEquals(code, 0, err);
      return out;
    };
    const told = await run(...flags, "--steps=4", `--out=${plain}`);
    assertMatch(
      told,
      /^memory: [\d.]+ MiB planned, .+ of activations at batch 4 \([\d.]+ MiB with --recompute\)$/m,
    );
    await run(...flags, "--steps=2", `--out=${again}`);
    await run(`--resume=${again}`, "--steps=4", "--recompute", "--device=cpu");
    assertEquals(await stateOf(again), await stateOf(plain));
  }));
