import { assertEquals, assertRejects } from "@std/assert";
import { sha256OfFile } from "../../../engine/checkpoint/file_digest.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";

async function digestOf(bytes: Uint8Array): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    return await sha256OfFile(path);
  } finally {
    await Deno.remove(path);
  }
}

// FIPS 180-2, appendix B.1, and the digest of no bytes.
Deno.test("`sha256OfFile()` gives the published digests", async () => {
  assertEquals(
    await digestOf(new TextEncoder().encode("abc")),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assertEquals(
    await digestOf(new Uint8Array()),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

Deno.test("`sha256OfFile()` gives the digest of a file that it reads in several pieces", async () => {
  const bytes = Uint8Array.from({ length: (1 << 21) + 77 }, (_, i) => i % 251);
  const whole = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  assertEquals(await digestOf(bytes), whole.toHex());
});

Deno.test("`sha256OfFile()` names a file that is missing", async () => {
  const run = () => sha256OfFile("no/such.safetensors");
  await assertRejects(run, CheckpointError, "Cannot read no/such.safetensors: ");
});
