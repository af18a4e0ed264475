/**
 * Faults that are put in on purpose: each must stop a training run with one line that says what, where and when, and
 * leave the last checkpoint as it was.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { openSafetensors } from "../../../../engine/checkpoint/safetensors.ts";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { f32 } from "../../../../engine/core/spec.ts";
import { Device } from "../../../../engine/device/device.ts";
import type { WebGpuOptions } from "../../../../engine/device/webgpu/adapter.ts";
import { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";
import { GROUPED_MATMUL } from "../../../../kernels/moe/grouped_matmul/mod.ts";
import { checkpointInfo } from "../../../../train/checkpoint.ts";
import type { TrainConfig } from "../../../../train/config.ts";
import type { TrainOptions } from "../../../../train/run.ts";
import { available, TEST_GPU } from "../../../devices.ts";
import { runTiny, tinyConfig, withImages } from "../../../train/tiny_run.ts";

const MEBIBYTE = 1 << 20;

async function openOwn(options: WebGpuOptions = {}): Promise<Device> {
  return new Device(await WebGpuBackend.create({ gpu: TEST_GPU, ...options }));
}

function faultTest(name: string, body: (out: string, config: TrainConfig) => Promise<void>): void {
  Deno.test({
    name: `${name} [webgpu]`,
    ignore: !available.webgpu,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => withImages((folder, images) => body(join(folder, "run"), tinyConfig(images))),
  });
}

async function trainOn(
  device: Device,
  config: TrainConfig,
  out: string,
  options: Partial<TrainOptions> = {},
): Promise<Uint8Array> {
  return await Deno.readFile((await runTiny(device, config, out, options)).checkpoint);
}

function stepOf(checkpoint: string): Promise<number> {
  return openSafetensors(checkpoint).then((opened) => {
    using file = opened;
    return checkpointInfo(file).step;
  });
}

/** Runs with a fault after a checkpoint was written; the run must fail, and go on from that checkpoint afterwards. */
async function assertStops(
  out: string,
  config: TrainConfig,
  wanted: string | RegExp,
  run: () => Promise<unknown>,
): Promise<void> {
  using device = await openOwn();
  const whole = await trainOn(device, config, `${out}-whole`);
  const early = { ...config, train: { ...config.train, steps: 3 } };
  const before = await trainOn(device, early, out);
  const { message } = await assertRejects(run, DeviceError);
  const [first] = message.split("\n");
  assert(typeof wanted === "string" ? first.includes(wanted) : wanted.test(first), message);
  const checkpoint = join(out, "checkpoint.safetensors");
  assertEquals(await Deno.readFile(checkpoint), before);
  assertEquals(await stepOf(checkpoint), 3);
  assertEquals(await trainOn(device, config, out, { resume: true }), whole);
}

faultTest(
  "a device that is destroyed in mid-step stops the run, which goes on bit-equal",
  async (out, config) => {
    const lost = /^Stopped at step [56]: Cannot use the WebGPU device: it was lost \(.+\)$/;
    await assertStops(out, config, lost, async () => {
      using device = await openOwn();
      let asked = 0;
      const shouldStop = () => {
        // Asked after a step was submitted, and before anything waits for it.
        if (++asked === 3) (device.backend as WebGpuBackend).gpu.destroy();
        return false;
      };
      await runTiny(device, config, out, { resume: true, shouldStop });
    });
  },
);

faultTest("a shader that does not compile stops the run before its first step", async (out, config) => {
  const kernel = GROUPED_MATMUL as {
    -readonly [K in keyof typeof GROUPED_MATMUL]: (typeof GROUPED_MATMUL)[K];
  };
  const whole = kernel.webgpu;
  const broken: typeof whole = (inputs, attrs, limits) => {
    const plan = whole(inputs, attrs, limits);
    const [launch] = plan.launches;
    return {
      ...plan,
      launches: [{
        ...launch,
        source: launch.source.replace("= u32(max(expert, 0))", "= no_such(expert)"),
      }],
    };
  };
  const wanted =
    /^Cannot compile kernel "grouped_matmul" in "blocks\.1\.mlp": .*no_such.* \(entry point main, .*\)$/;
  await assertStops(out, config, wanted, async () => {
    using device = await openOwn();
    kernel.webgpu = broken;
    try {
      await runTiny(device, config, out, { resume: true });
    } finally {
      kernel.webgpu = whole;
    }
  });
});

faultTest(
  "a binding limit of 1 MiB stops a run that needs more, and names kernel, tensor and the batch that fits",
  async (out, config) => {
    const wide = { ...config, train: { ...config.train, batch_size: 1100 } };
    const wanted =
      /^Cannot train on this adapter: with batch 1100 \w+ in "\S+" takes f32\[\d+(?:, \d+)*\] of \d+ bytes in one piece, and one binding holds at most 1048576 \(maxStorageBufferBindingSize\); --batch \d+ fits, and --optim\.accumulation keeps the update as large$/;
    await assertStops(out, config, wanted, async () => {
      using device = await openOwn({ limits: { maxStorageBufferBindingSize: MEBIBYTE } });
      await runTiny(device, wide, out, { resume: true });
    });
  },
);

faultTest("a limit under which no batch fits is named before the run", async (out, config) => {
  using device = await openOwn({ limits: { maxStorageBufferBindingSize: 256 } });
  const { message } = await assertRejects(() => runTiny(device, config, out), DeviceError);
  const wanted =
    /^Cannot train on this adapter: with batch 4 .+ one binding holds at most 256 \(maxStorageBufferBindingSize\); no batch fits, a smaller model or another adapter is wanted$/;
  assert(wanted.test(message), message);
});

Deno.test({
  name: "a buffer that no adapter could hold is refused with its size and the limit [webgpu]",
  ignore: !available.webgpu,
  fn: async () => {
    using device = await openOwn();
    const bytes = 2 ** 44;
    const refused = () => device.persistent(f32(bytes / 4));
    assertThrows(
      refused,
      DeviceError,
      `Cannot allocate a storage buffer of ${bytes} bytes: the adapter's max`,
    );
    await device.finish();
  },
});
