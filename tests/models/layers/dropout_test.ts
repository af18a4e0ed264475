import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { seedWords } from "../../../engine/core/random.ts";
import { dropoutAt, NO_DROPOUT } from "../../../models/layers/dropout.ts";
import { deviceTest } from "../../devices.ts";

const SIZE = 10_000;

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`dropoutAt()` drops its share and scales the rest",
  async (device) => {
    using _scope = device.scope();
    const training = { random: device.tensor([3], Uint32Array.of(...seedWords(3), 7)), stream: 4 };
    const x = device.tensor([SIZE], new Float32Array(SIZE).fill(2));
    const values = async (place: number) => [...await dropoutAt(0.2, place, training)(x).read()];
    const first = await values(0);
    assert(first.every((value) => value === 0 || Math.abs(value - 2.5) < 1e-6));
    const dropped = first.filter((value) => value === 0).length / SIZE;
    // Five standard deviations of the share of 10,000 draws are 0.02.
    assert(Math.abs(dropped - 0.2) < 0.02, `${dropped} were dropped`);
    assertEquals(await values(0), first);
    assertNotEquals(await values(1), first);
    assertEquals(dropoutAt(0, 0, training), NO_DROPOUT);
    assertEquals(dropoutAt(0.2, 0, undefined), NO_DROPOUT);
  },
);
