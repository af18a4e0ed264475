import { assert, assertEquals, assertThrows } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { HostArray } from "../../../engine/core/dtype.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { randomNormal, randomUniform } from "../../../kernels/random/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

// No multiple of 4, of an item of the CPU or of a workgroup, and some that are.
const SIZES = [1, 2, 3, 4, 5, 15, 16, 17, 255, 1024, 4099, 70_001];

const SEED = 0xfedcba9876543210n;

function rngOf(device: Device, step: number): Tensor {
  return device.tensor([3], Uint32Array.of(0x76543210, 0xfedcba98, step));
}

/** Bits, since equality of floats would let -0 pass for 0. */
function bitsOf(data: HostArray): Uint32Array {
  return new Uint32Array(data.buffer);
}

for (const step of [0, 1, 0xffffffff]) {
  deviceTest(ALL, `\`randomUniform()\` has the host's bits when the step is ${step}`, async (device) => {
    using _scope = device.scope();
    for (const size of SIZES) {
      const got = await randomUniform(rngOf(device, step), [size], 7).read();
      assertEquals(bitsOf(got), bitsOf(new Philox(SEED, 7, step).uniforms(size)), `size ${size}`);
    }
  });

  deviceTest(ALL, `\`randomNormal()\` has the host's bits when the step is ${step}`, async (device) => {
    using _scope = device.scope();
    for (const size of SIZES) {
      const got = await randomNormal(rngOf(device, step), [size], 0xffffffff).read();
      assertEquals(bitsOf(got), bitsOf(new Philox(SEED, 0xffffffff, step).normals(size)), `size ${size}`);
    }
  });
}

deviceTest(ALL, "`randomNormal()` follows the step when a recorded program is run again", async (device) => {
  using _scope = device.scope();
  const rng = device.persistent({ dtype: "u32", shape: [3] });
  using program = await device.record("noise", () => ({ noise: randomNormal(rng, [3, 7], 2) }));
  for (const step of [4, 5]) {
    rng.write(Uint32Array.of(9, 0, step));
    program.run();
    assertEquals(await program.results.noise.read(), new Philox(9, 2, step).normals(21));
  }
  device.release(rng);
});

deviceTest(ALL, "`randomUniform()` differs from stream to stream", async (device) => {
  using _scope = device.scope();
  const rng = rngOf(device, 3);
  const [a, b] = [await randomUniform(rng, [64], 1).read(), await randomUniform(rng, [64], 2).read()];
  assert(a.every((value, i) => value !== b[i]));
});

deviceTest(["reference"], "`randomUniform()` names the wrong input", (device) => {
  using _scope = device.scope();
  const rng = rngOf(device, 0);
  assertThrows(() => randomUniform(rng, [4], -1), RangeError, "from stream -1");
  assertThrows(() => randomUniform(rng, [4], 2 ** 32), RangeError, "from stream 4294967296");
  assertThrows(() => randomUniform(device.tensor([2], new Uint32Array(2)), [4], 0), ShapeError, "u32[2]");
  assertThrows(
    () => randomUniform(device.tensor([3], new Float32Array(3)), [4], 0),
    DTypeError,
    "must be u32",
  );
});
