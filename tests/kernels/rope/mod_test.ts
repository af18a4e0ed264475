import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { differentiate } from "../../../engine/autodiff/backward.ts";
import { ShapeError } from "../../../engine/core/errors.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { GRADIENT_OPS } from "../../../kernels/grad.ts";
import { permute } from "../../../kernels/permute/mod.ts";
import {
  rope,
  type RopeTable,
  ropeTable1d,
  ropeTable2d,
  ropeTableInterleaved2d,
  type Rotation,
} from "../../../kernels/rope/mod.ts";
import { deviceTest, parityAvailable } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";
import { type Fixture, readFixture } from "./fixture.ts";

const DEVICES = ["reference", "cpu", "webgpu"] as const;
const TOLERANCE = { reference: 1e-6, cpu: 1e-6, webgpu: 1e-5 } as const;

interface Rotary {
  readonly table: RopeTable;
  readonly rotation: Rotation;
}

const GOLDENS: Readonly<Record<string, (args: Fixture["args"]) => Rotary>> = {
  rope_1d: (args) => ({
    table: ropeTable1d(args.seq_len, args.head_dim, args.base),
    rotation: { pairing: "half", block: args.head_dim },
  }),
  rope_2d: grid,
  rope_2d_hd64: grid,
  rope_jit_image: neighbours,
  rope_jit_cls: neighbours,
};

function grid({ HW, head_dim, base }: Fixture["args"]): Rotary {
  return {
    table: ropeTable2d(HW, HW, head_dim, base),
    rotation: { pairing: "half", block: head_dim / 2 },
  };
}

function neighbours({ dim, pt_seq_len, num_cls_token, theta }: Fixture["args"]): Rotary {
  return {
    table: ropeTableInterleaved2d(pt_seq_len, pt_seq_len, 2 * dim, num_cls_token, theta),
    rotation: { pairing: "interleaved" },
  };
}

/** The files hold `[B, H, N, D]`; the kernel takes `[B, N, H, D]`. */
function swapped(device: Device, { tensors }: Fixture, key: string): Tensor {
  const { shape, data } = tensors.get(key)!;
  return permute(device.tensor(shape, data), [0, 2, 1, 3]);
}

for (const [name, rotary] of Object.entries(GOLDENS)) {
  const title = `\`rope()\` agrees with the reference implementation: ${name}`;
  if (!parityAvailable) {
    Deno.test({ name: title, ignore: true, fn() {} });
    continue;
  }
  deviceTest(DEVICES, title, async (device) => {
    using _scope = device.scope();
    const fixture = await readFixture(name);
    const { table, rotation } = rotary(fixture.args);
    const angles = device.tensor(table.shape, table.data);
    for (const operand of ["q", "k"]) {
      const x = swapped(device, fixture, `in.${operand}`);
      const upstream = swapped(device, fixture, `in.grad_${operand}`);
      const { value, gradients } = differentiate(GRADIENT_OPS, [x], () => {
        const value = rope(x, angles, rotation);
        return { value, root: value, upstream };
      });
      for (const [key, got] of [[`out.${operand}`, value], [`grad.in.${operand}`, gradients[0]!]] as const) {
        const error = relativeError(
          await permute(got, [0, 2, 1, 3]).read(),
          fixture.tensors.get(key)!.data,
        );
        assert(error <= TOLERANCE[device.kind], `${key}: error ${error}`);
      }
    }
  });
}

deviceTest(
  ["reference"],
  "`rope()` makes products depend on the distance of positions alone",
  async (device) => {
    using _scope = device.scope();
    const table = ropeTable1d(12, 8);
    const head = Float32Array.of(0.3, -1, 2, 0.7, -0.4, 1.1, 0.9, -2);
    const x = device.tensor([1, 12, 1, 8], Float32Array.from({ length: 96 }, (_, i) => head[i % 8]));
    const turned = await rope(x, device.tensor(table.shape, table.data), { pairing: "half", block: 8 })
      .read();
    const product = (m: number, n: number) =>
      head.reduce((sum, _, d) => sum + turned[8 * m + d] * turned[8 * n + d], 0);
    assertAlmostEquals(product(2, 5), product(8, 11), 1e-5);
    assert(Math.abs(product(2, 5) - product(2, 3)) > 0.1);
  },
);

deviceTest(["reference"], "`rope()` gives the table no gradient", (device) => {
  using _scope = device.scope();
  const table = ropeTable1d(2, 4);
  const angles = device.tensor(table.shape, table.data);
  const x = device.tensor([1, 2, 1, 4], new Float32Array(8).fill(1));
  const { gradients } = differentiate(GRADIENT_OPS, [x, angles], () => {
    const value = rope(x, angles, { pairing: "interleaved" });
    return { value, root: value };
  });
  assertEquals(gradients.map((gradient) => gradient?.shape ?? null), [[1, 2, 1, 4], null]);
});

deviceTest(["reference"], "`rope()` refuses a table or a block that does not fit", (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 2, 1, 4], new Float32Array(8));
  const short = device.tensor([2, 1, 4], new Float32Array(8));
  const table = device.tensor([2, 2, 4], new Float32Array(16));
  assertThrows(
    () => rope(x, short, { pairing: "interleaved" }),
    ShapeError,
    "Cannot rotate f32[1, 2, 1, 4]: the table must be f32[2, 2, 4], got f32[2, 1, 4]",
  );
  assertThrows(
    () => rope(x, table, { pairing: "half", block: 3 }),
    ShapeError,
    "Cannot rotate f32[1, 2, 1, 4]: the block must be even and divide heads of 4 channels, got 3",
  );
  assertThrows(
    () => rope(table, table, { pairing: "interleaved" }),
    ShapeError,
    "Cannot rotate f32[2, 2, 4]: f32[B, N, H, D] is wanted",
  );
});
