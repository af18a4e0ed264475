/**
 * Prints one training step of the nano model as it is recorded for WebGPU: `deno run docs/nano_step.ts`.
 *
 * @module
 */
import { Device } from "../engine/device/device.ts";
import { NullBackend } from "../engine/device/null_backend.ts";
import { createModel } from "../models/mod.ts";
import { TrainStep } from "../train/step.ts";
import { trainConfigOf } from "../train/config.ts";

/** The recorded step as text, one line a call. */
export async function nanoStep(): Promise<string> {
  using device = new Device(new NullBackend());
  const config = trainConfigOf("dsmoe-nano");
  const model = createModel(config);
  model.params.allocate(device);
  const step = new TrainStep(device, model, config, config.train.log_every);
  using program = await device.record("dsmoe-nano train step", () => step.body());
  return `${program}\n`;
}

if (import.meta.main) await Deno.stdout.write(new TextEncoder().encode(await nanoStep()));
