import { countTransfers } from "../engine/device/webgpu/transfers.ts";
import { assert, assertEquals, assertLess } from "@std/assert";
import { openDevice } from "../../engine/device/open.ts";
import { WebGpuBackend } from "../../engine/device/webgpu/backend.ts";
import { deviceTest } from "../devices.ts";
import { tinyConfig, tinyTrainer, withImages } from "./tiny_run.ts";

deviceTest(
  ["webgpu"],
  "a recorded training step is one submit and no readback",
  (device) =>
    withImages(async (folder, images) => {
      using trainer = await tinyTrainer(device, folder, tinyConfig(images));
      await trainer.takeStep(0);
      await device.finish();
      assert(device.backend instanceof WebGpuBackend);
      const counts = await countTransfers(device.backend, () => trainer.takeStep(1));
      assertEquals(counts, { submits: 1, reads: 0 });
    }),
);

deviceTest(["cpu", "webgpu"], "1,000 training steps allocate nothing after the first", async (shared) => {
  await withImages(async (folder, images) => {
    using device = await openDevice(shared.kind);
    using trainer = await tinyTrainer(device, folder, tinyConfig(images));
    await trainer.takeStep(0);
    await device.finish();
    const program = trainer.program!;
    const warmUp = shared.kind === "cpu" ? 500 : 20;
    for (let warm = 0; warm < warmUp; warm++) program.run();
    const held = () => {
      const { backend } = device;
      const webgpu = backend instanceof WebGpuBackend ? [backend.bindGroups, backend.pipelines] : [];
      return [device.memory(), ...webgpu];
    };
    const [first, heap] = [held(), Deno.memoryUsage().heapUsed];
    const steps = shared.kind === "cpu" ? 1000 : 200;
    for (let step = 0; step < steps; step++) program.run();
    const grown = Deno.memoryUsage().heapUsed - heap;
    await device.finish();
    assertEquals(held(), first);
    // V8 may box a number for a call (16 bytes) before it has optimised the walk; any object or array is larger.
    if (shared.kind === "cpu") assertLess(grown / (steps * program.launches), 24);
  });
});
