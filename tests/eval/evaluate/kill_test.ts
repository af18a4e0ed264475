import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Philox } from "../../../engine/core/random.ts";
import { baseFlags, evaluateFake, reportOf, withWorkplace } from "./fixture.ts";

const PROGRAM = fromFileUrl(new URL("./fake_judge.ts", import.meta.url));
const KILLS = 3;

function start(folder: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-read", "--allow-write", PROGRAM, ...args],
    cwd: folder,
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** Waits until a file is another one than it was, and fails if the process ends first. */
async function replaced(child: Deno.ChildProcess, path: string): Promise<void> {
  const stamp = async () => (await Deno.stat(path).catch(() => undefined))?.ino ?? -1;
  const before = await stamp();
  let ended = false;
  child.status.then(() => ended = true);
  while (await stamp() === before) {
    if (ended) throw new Error(`the evaluation ended before it had written ${path} again`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

Deno.test(`an evaluation killed with SIGKILL ${KILLS} times goes on to the same numbers, samples and picture`, () =>
  withWorkplace(async (place) => {
    const flags = [...baseFlags(place), "--num=150", "--save-every=0"];
    const whole = await evaluateFake(...flags, "--out=whole", "--save-samples=whole.npz");
    assertEquals([whole.code, whole.err], [0, ""]);
    const again = [...flags, "--out=killed", "--save-samples=killed.npz"];
    const delays = new Philox(Date.now(), 0).integers(KILLS, 40);
    for (const delay of delays) {
      const child = start(place.folder, again);
      await replaced(child, join(place.folder, "killed", "state.npz"));
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill("SIGKILL");
      await child.status;
    }
    assertEquals((await start(place.folder, again).status).code, 0);
    const [one, other] = [await reportOf("whole"), await reportOf("killed")];
    assertEquals(other.metrics, one.metrics);
    assertEquals(other.settings, one.settings);
    for (const file of ["grid.png", ".npz"]) {
      const bytes = (run: string) => Deno.readFile(file === ".npz" ? `${run}.npz` : join(run, file));
      assert((await bytes("whole")).length > 0);
      assertEquals(await bytes("killed"), await bytes("whole"));
    }
    const left = await Array.fromAsync(Deno.readDir("killed"), ({ name }) => name);
    assertEquals(left.sort(), ["grid.png", "report.json", "report.md"]);
  }));

Deno.test({
  name: "Ctrl-C saves an evaluation and exits 0, and the same command goes on",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withWorkplace(async (place) => {
      const flags = [...baseFlags(place), "--num=150", "--save-every=0"];
      const child = start(place.folder, [...flags, "--out=stopped"]);
      await replaced(child, join(place.folder, "stopped", "state.npz"));
      child.kill("SIGINT");
      assertEquals((await child.status).code, 0);
      await Deno.stat(join("stopped", "state.npz"));
      assertEquals((await evaluateFake(...flags, "--out=stopped")).code, 0);
      assertEquals((await evaluateFake(...flags, "--out=whole")).code, 0);
      assertEquals((await reportOf("stopped")).metrics, (await reportOf("whole")).metrics);
    }),
});
