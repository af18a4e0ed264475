import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { fetchFromHub } from "../../../engine/checkpoint/hub.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";

/** A hub with one file, in place of the network. */
function hubOf(files: Readonly<Record<string, string>>, asked: string[]): typeof fetch {
  return (input, init) => {
    const { pathname } = new URL(String(input));
    asked.push(pathname);
    const text = files[pathname];
    if (text === undefined) {
      return Promise.resolve(
        new Response("none", { status: 404, headers: { "X-Error-Code": "EntryNotFound" } }),
      );
    }
    const head = new Headers(init?.headers).get("range") === "bytes=0-0";
    const headers = { ETag: '"1"', ...head && { "Content-Range": `bytes 0-0/${text.length}` } };
    return Promise.resolve(new Response(head ? text[0] : text, { status: head ? 206 : 200, headers }));
  };
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("`fetchFromHub()` fetches a file once and then finds it on this machine", () =>
  inFolder(async (cacheFolder) => {
    const asked: string[] = [];
    const options = { cacheFolder, fetch: hubOf({ "/me/repo/resolve/v2/w/x.pt": "weights" }, asked) };
    const path = await fetchFromHub("hub:me/repo/w/x.pt@v2", options);
    assertEquals(path, join(cacheFolder, "me/repo/v2/w/x.pt"));
    assertEquals(await Deno.readTextFile(path), "weights");
    const { length } = asked;
    assertEquals(await fetchFromHub("hub:me/repo/w/x.pt@v2", options), path);
    assertEquals(asked.length, length);
  }));

Deno.test("`fetchFromHub()` says in one line what fails, and keeps nothing", () =>
  inFolder(async (cacheFolder) => {
    const refuses = (name: string, fetcher: typeof fetch, message: string) =>
      assertRejects(() => fetchFromHub(name, { cacheFolder, fetch: fetcher }), CheckpointError, message);
    const offline: typeof fetch = () => Promise.reject(new TypeError("no route\nto host"));
    await refuses(
      "hub:a/b/c.pt",
      offline,
      "Cannot fetch hub:a/b/c.pt: huggingface.co cannot be reached (no route to",
    );
    await refuses("hub:a/b/c.pt", hubOf({}, []), "Cannot fetch hub:a/b/c.pt: a/b has no such file");
    const closed: typeof fetch = () => Promise.resolve(new Response("no", { status: 401 }));
    await refuses("hub:a/b/c.pt", closed, "huggingface.co answers with status 401");
    for (const name of ["hub:a/b", "hub:a/../c.pt", "hub:a/b/../../c.pt", "hub:a/b/c.pt@.."]) {
      await refuses(name, offline, "wanted hub:OWNER/REPO/FILE");
    }
    assertEquals([...Deno.readDirSync(cacheFolder)].length, 0);
  }));
