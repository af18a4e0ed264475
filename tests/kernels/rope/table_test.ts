import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import {
  type RopeTable,
  ropeTable1d,
  ropeTable2d,
  ropeTableInterleaved2d,
} from "../../../kernels/rope/mod.ts";
import { parityAvailable } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";
import { type Fixture, readFixture } from "./fixture.ts";

const TOLERANCE = 1e-6;

/** Channels `from` to `to` of the cosines (part 0) or sines (part 1) of every token. */
function columns({ shape: [, tokens, headDim], data }: RopeTable, part: number, from: number, to: number) {
  const width = to - from;
  return Float32Array.from(
    { length: tokens * width },
    (_, i) => data[(part * tokens + Math.floor(i / width)) * headDim + from + i % width],
  );
}

function assertColumns({ tensors }: Fixture, name: string, got: Float32Array<ArrayBuffer>): void {
  const error = relativeError(got, tensors.get(`out.${name}`)!.data);
  assert(error <= TOLERANCE, `${name}: error ${error}, allowed ${TOLERANCE}`);
}

function parityTest(name: string, body: (fixture: Fixture) => void): void {
  Deno.test({
    name: `rope tables agree with the reference implementation: ${name}`,
    ignore: !parityAvailable,
    fn: async () => body(await readFixture(name)),
  });
}

parityTest("rope_1d", (fixture) => {
  const { seq_len, head_dim, base } = fixture.args;
  const table = ropeTable1d(seq_len, head_dim, base);
  assertColumns(fixture, "cos", columns(table, 0, 0, head_dim));
  assertColumns(fixture, "sin", columns(table, 1, 0, head_dim));
});

for (const name of ["rope_2d", "rope_2d_hd64"]) {
  parityTest(name, (fixture) => {
    const { HW, head_dim, base } = fixture.args;
    const table = ropeTable2d(HW, HW, head_dim, base);
    const half = head_dim / 2;
    assertColumns(fixture, "cos_y", columns(table, 0, 0, half));
    assertColumns(fixture, "sin_y", columns(table, 1, 0, half));
    assertColumns(fixture, "cos_x", columns(table, 0, half, head_dim));
    assertColumns(fixture, "sin_x", columns(table, 1, half, head_dim));
  });
}

for (const name of ["rope_jit_image", "rope_jit_cls"]) {
  parityTest(name, (fixture) => {
    const { dim, pt_seq_len, num_cls_token, theta } = fixture.args;
    const table = ropeTableInterleaved2d(pt_seq_len, pt_seq_len, 2 * dim, num_cls_token, theta);
    assertColumns(fixture, "cos", columns(table, 0, 0, 2 * dim));
    assertColumns(fixture, "sin", columns(table, 1, 0, 2 * dim));
  });
}

Deno.test("`ropeTable1d()` gives partners one angle, and token 0 none", () => {
  const { shape, data } = ropeTable1d(3, 4);
  assertEquals(shape, [2, 3, 4]);
  assertEquals([...data.subarray(0, 4)], [1, 1, 1, 1]);
  assertEquals([...data.subarray(12, 16)], [0, 0, 0, 0]);
  const [fast, slow] = [2, 0.02].map((angle) => Math.fround(Math.sin(angle)));
  assertEquals([...data.subarray(20, 24)], [fast, slow, fast, slow]);
});

Deno.test("`ropeTable2d()` turns the first half by row and the second by column when the grid is not square", () => {
  const table = ropeTable2d(2, 3, 4);
  const [one, two] = [1, 2].map((angle) => Math.fround(Math.sin(angle)));
  assertEquals([...columns(table, 1, 0, 1)], [0, 0, 0, one, one, one]);
  assertEquals([...columns(table, 1, 2, 3)], [0, one, two, 0, one, two]);
});

Deno.test("`ropeTableInterleaved2d()` leaves leading tokens unrotated", () => {
  const table = ropeTableInterleaved2d(2, 2, 8, 3);
  assertEquals(table.shape, [2, 7, 8]);
  assert(table.data.subarray(0, 24).every((cos) => cos === 1));
  assert(table.data.subarray(56, 80).every((sin) => sin === 0));
});

Deno.test("rope tables refuse head sizes that cannot be split", () => {
  const message = "Cannot make a rotary table for heads of 6 channels: a multiple of 4 is wanted";
  assertThrows(() => ropeTable2d(2, 2, 6), ShapeError, message);
  assertThrows(() => ropeTableInterleaved2d(2, 2, 6), ShapeError, message);
  assertThrows(() => ropeTable1d(2, 3), ShapeError, "heads of 3 channels: a multiple of 2 is wanted");
});
