import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { CpuMemory } from "../../../../engine/device/cpu/memory.ts";

Deno.test("`CpuMemory` aligns to 64 bytes and leaves 64 bytes behind every block", () => {
  const memory = new CpuMemory({ maximumPages: 64 });
  const sizes = [0, 1, 63, 64, 65, 1000, 4096];
  const blocks = sizes.map((bytes) => ({ bytes, address: memory.allocate(bytes) }));
  blocks.sort((a, b) => a.address - b.address).forEach(({ bytes, address }, i) => {
    assertEquals(address % 64, 0);
    assert(address + bytes + 64 <= (blocks[i + 1]?.address ?? memory.reserved));
  });
  blocks.forEach(({ address }) => memory.free(address));
  assertEquals(memory.used, 0);
});

Deno.test("`CpuMemory` grows on demand and keeps what it holds", () => {
  const memory = new CpuMemory();
  const first = memory.allocate(16);
  memory.bytes(first, 16).fill(7);
  const before = memory.reserved;
  const large = memory.allocate(40 << 20);
  assert(memory.reserved > before);
  memory.bytes(large, 40 << 20)[(40 << 20) - 1] = 1;
  assertEquals([...memory.bytes(first, 16)], new Array(16).fill(7));
  memory.free(large);
  const grown = memory.reserved;
  memory.free(memory.allocate(40 << 20));
  assertEquals(memory.reserved, grown);
});

Deno.test("`allocate()` says what was asked and what is left when the memory is full", () => {
  const memory = new CpuMemory({ maximumPages: 32 });
  const block = memory.allocate(1 << 20);
  assertThrows(
    () => memory.allocate(1 << 20),
    DeviceError,
    "Cannot allocate 1.0 MiB on the cpu device: 1.0 MiB of 2.0 MiB are in use and the largest free block is 1.0 MiB; " +
      "a smaller train.batch_size (optim.accumulation keeps the update the same) or a smaller model needs less",
  );
  memory.free(block);
  memory.allocate(1 << 20);
});

Deno.test("`free()` refuses an address twice", () => {
  const memory = new CpuMemory({ maximumPages: 2 });
  const block = memory.allocate(8);
  memory.free(block);
  assertThrows(() => memory.free(block), DeviceError, `Cannot free address ${block}`);
});

Deno.test("`CpuMemory` is shared unless told otherwise", () => {
  assertEquals(new CpuMemory({ maximumPages: 2 }).shared, true);
  assertEquals(new CpuMemory({ maximumPages: 2, shared: false }).shared, false);
});

Deno.test("`allocate()` grows to 4 GiB, and says what is left when more is asked for", () => {
  const memory = new CpuMemory();
  // Pages that nobody touches cost the machine nothing.
  const blocks = Array.from({ length: 7 }, () => memory.allocate(512 << 20));
  const rest = memory.allocate((511 << 20) - (1 << 10));
  const end = rest + (511 << 20) - (1 << 10);
  assert(end > 0xffe00000 && end <= 2 ** 32);
  memory.words(rest, 1)[0] = 7;
  memory.bytes(end - 4, 4).set([1, 2, 3, 4]);
  assertEquals([...memory.bytes(end - 4, 4)], [1, 2, 3, 4]);
  assert(memory.reserved > 0xffe00000 && memory.reserved <= 2 ** 32);
  assertThrows(
    () => memory.allocate(512 << 20),
    DeviceError,
    "Cannot allocate 512.0 MiB on the cpu device: 40",
  );
  memory.free(blocks[3]);
  assertEquals(memory.allocate(512 << 20), blocks[3]);
});
