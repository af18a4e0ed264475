import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Philox } from "../../engine/core/random.ts";
import { available } from "../devices.ts";
import { tinyFlags, withImages } from "./tiny_run.ts";

const MAIN = fromFileUrl(new URL("../../train/main.ts", import.meta.url));
const STEPS = 400;
const KILLS = 5;

function start(folder: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-read", "--allow-write", MAIN, "--device=cpu", ...args],
    cwd: folder,
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** Waits until the run's log has `lines` lines, so that a kill falls into the steps; fails if the run ends first. */
async function grown(child: Deno.ChildProcess, log: string, lines: number): Promise<void> {
  let ended = false;
  child.status.then(() => ended = true);
  while (!ended) {
    const text = await Deno.readTextFile(log).catch(() => "");
    if (text.split("\n").length > lines) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`the run ended before it had logged ${lines} lines`);
}

Deno.test({
  name: `a run killed with SIGKILL ${KILLS} times and resumed ends bit-equal to one without a break [cpu]`,
  ignore: !available.cpu,
  fn: () =>
    withImages(async (folder, images) => {
      const flags = [...tinyFlags(images), `--steps=${STEPS}`];
      assertEquals((await start(folder, [...flags, "--out=whole"]).status).code, 0);
      const log = join(folder, "killed", "metrics.jsonl");
      const delays = new Philox(Date.now(), 0).integers(KILLS, 60);
      for (let kill = 0; kill < KILLS; kill++) {
        const child = start(folder, kill === 0 ? [...flags, "--out=killed"] : ["--resume=killed"]);
        await grown(child, log, 1 + kill * 20);
        await new Promise((resolve) => setTimeout(resolve, delays[kill]));
        child.kill("SIGKILL");
        await child.status;
      }
      assertEquals((await start(folder, ["--resume=killed"]).status).code, 0);
      const bytes = (run: string) => Deno.readFile(join(folder, run, "checkpoint.safetensors"));
      assertEquals(await bytes("killed"), await bytes("whole"));
    }),
});

Deno.test({
  name: "Ctrl-C saves, exits 0, and the run can be resumed [cpu]",
  ignore: !available.cpu || Deno.build.os === "windows",
  fn: () =>
    withImages(async (folder, images) => {
      const flags = [...tinyFlags(images), `--steps=${STEPS}`];
      const child = start(folder, [...flags, "--out=stopped"]);
      await grown(child, join(folder, "stopped", "metrics.jsonl"), 5);
      child.kill("SIGINT");
      assertEquals((await child.status).code, 0);
      assertEquals((await start(folder, ["--resume=stopped"]).status).code, 0);
      assertEquals((await start(folder, [...flags, "--out=whole"]).status).code, 0);
      const bytes = (run: string) => Deno.readFile(join(folder, run, "checkpoint.safetensors"));
      assertEquals(await bytes("stopped"), await bytes("whole"));
    }),
});
