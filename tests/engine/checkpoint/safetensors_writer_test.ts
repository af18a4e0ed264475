import { assert, assertEquals, assertRejects } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import {
  openSafetensors,
  parseSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "../../../engine/checkpoint/safetensors.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { f32, i32, u32 } from "../../../engine/core/spec.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function entries(): SafetensorsEntry[] {
  const bits = new Philox(1, 0).bits(91);
  return [
    { name: "blocks.0.w", spec: f32(7, 13), data: new Float32Array(bits.buffer) },
    { name: "step", spec: u32(), data: () => new Uint32Array([41]) },
    { name: "__proto__", spec: i32(3), data: () => Promise.resolve(new Int32Array([-1, 0, 1])) },
    { name: 'odd "name"\n', spec: f32(1), data: new Float32Array([1, 2, 3]).subarray(1, 2) },
  ];
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("`writeSafetensors()` round-trips every bit, NaN payloads included", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.safetensors");
    await writeSafetensors(path, entries(), { config: '{"depth":4}', __proto__own: "x" });
    using file = await openSafetensors(path);
    assertEquals([...file.tensors.keys()], ["blocks.0.w", "step", "__proto__", 'odd "name"\n']);
    assertEquals(file.tensors.get("blocks.0.w")?.shape, [7, 13]);
    assertEquals({ ...file.metadata }, { config: '{"depth":4}', __proto__own: "x" });
    assertEquals(new Uint32Array((await file.read("blocks.0.w")).buffer), new Philox(1, 0).bits(91));
    assertEquals(await file.read("step"), new Uint32Array([41]));
    assertEquals(await file.read("__proto__"), new Int32Array([-1, 0, 1]));
    assertEquals(await file.read('odd "name"\n'), new Float32Array([2]));
    assertEquals(names(folder), ["a.safetensors"]);
  }));

Deno.test("`writeSafetensors()` gives equal bytes for equal arguments, with data at a multiple of 8", () =>
  inFolder(async (folder) => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    await writeSafetensors(a, entries(), { x: "1", a: "2" });
    await writeSafetensors(b, entries(), { a: "2", x: "1" });
    const bytes = await Deno.readFile(a);
    assertEquals(await Deno.readFile(b), bytes);
    for (const { begin } of parseSafetensors(bytes).tensors.values()) assertEquals(begin % 4, 0);
    assertEquals(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8, 0);
  }));

Deno.test("`writeSafetensors()` keeps the old file and removes the temporary one when an entry fails", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.safetensors");
    await writeSafetensors(path, entries());
    const old = await Deno.readFile(path);
    const seen: string[][] = [];
    const failing: SafetensorsEntry[] = [...entries(), {
      name: "last",
      spec: f32(1),
      data: () => {
        seen.push(names(folder));
        throw new RangeError("device lost");
      },
    }];
    await assertRejects(() => writeSafetensors(path, failing), RangeError, "device lost");
    assertEquals(seen, [["a.safetensors", "a.safetensors.tmp"]]);
    assertEquals(names(folder), ["a.safetensors"]);
    assertEquals(await Deno.readFile(path), old);
  }));

Deno.test("`writeSafetensors()` refuses taken names and data that does not fit its spec", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.safetensors");
    const one = { name: "w", spec: f32(1), data: new Float32Array(1) };
    const cases: [SafetensorsEntry[], string][] = [
      [[one, one], 'the name "w" is taken'],
      [[{ ...one, name: "__metadata__" }], 'the name "__metadata__" is taken'],
      [[{ ...one, data: new Float32Array(2) }], 'tensor "w" is f32[1], got 2 elements of f32'],
      [[{ ...one, data: () => new Int32Array(1) }], 'tensor "w" is f32[1], got 1 elements of i32'],
    ];
    for (const [list, wanted] of cases) {
      await assertRejects(() => writeSafetensors(path, list), CheckpointError, wanted);
    }
    assertEquals(names(folder), []);
  }));

Deno.test("`writeSafetensors()` names a path that cannot be written", () =>
  inFolder(async (folder) => {
    const missing = join(folder, "none", "a.safetensors");
    await assertRejects(() => writeSafetensors(missing, []), CheckpointError, `Cannot write ${missing}: `);
    const taken = join(folder, "taken");
    await Deno.mkdir(join(taken, "inner"), { recursive: true });
    await assertRejects(() => writeSafetensors(taken, []), CheckpointError, `Cannot write ${taken}: `);
    assertEquals(names(folder), ["taken"]);
  }));

Deno.test("`writeSafetensors()` refuses a second write to a path while the first is running", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.safetensors");
    const data = async () => {
      await assertRejects(() => writeSafetensors(path, []), CheckpointError, "being written already");
      return new Float32Array(1);
    };
    await writeSafetensors(path, [{ name: "w", spec: f32(1), data }]);
    await writeSafetensors(path, []);
    using file = await openSafetensors(path);
    assertEquals(file.tensors.size, 0);
  }));

/** A process that replaces the file `path`, says so when half is written, and then waits to be killed. */
function stalledWriter(path: string): string {
  const source = (file: string) => JSON.stringify(new URL(`../../../engine/${file}`, import.meta.url).href);
  return `
    import { writeSafetensors } from ${source("checkpoint/safetensors.ts")};
    import { f32 } from ${source("core/spec.ts")};
    const half = { name: "half", spec: f32(65536), data: new Float32Array(65536) };
    const stall = () => {
      Deno.stdout.writeSync(new TextEncoder().encode("half"));
      return new Promise((resolve) => setTimeout(resolve, 600_000));
    };
    await writeSafetensors(${JSON.stringify(path)}, [half, { name: "rest", spec: f32(1), data: stall }]);
  `;
}

Deno.test("`writeSafetensors()` leaves the old file whole when the process is killed in the middle", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.safetensors");
    await writeSafetensors(path, entries());
    const old = await Deno.readFile(path);
    const script = join(folder, "writer.ts");
    await Deno.writeTextFile(script, stalledWriter(path));
    const config = new URL("../../../deno.json", import.meta.url);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-lock",
        "--config",
        config.pathname,
        "--allow-read",
        "--allow-write",
        toFileUrl(script).href,
      ],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "half");
    child.kill("SIGKILL");
    assertEquals((await child.status).success, false);
    await reader.cancel();
    assert(names(folder).includes("a.safetensors.tmp"));
    assertEquals(await Deno.readFile(path), old);
    await writeSafetensors(path, entries().slice(1));
    using file = await openSafetensors(path);
    assertEquals(file.tensors.size, 3);
    assertEquals(names(folder), ["a.safetensors", "writer.ts"]);
  }));
