/**
 * `deno task gallery`: trains the nano preset of every family on emoji, each for the same time, and draws what they
 * learned side by side.
 *
 * @module
 */
import { join } from "@std/path";
import { type Command, type CommandLine, runCommand, say } from "../../cli/command.ts";
import { CPU_FLAGS, cpuOptions } from "../../cli/cpu_flags.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../../engine/device/open.ts";
import { imageGrid } from "../../eval/mod.ts";
import { PRESETS } from "../../models/presets.ts";
import { quickstart } from "../../train/quickstart.ts";

const COMMAND: Command = {
  name: "gallery",
  summary: "Train the nano preset of every family on emoji and draw their samples side by side.",
  flags: [
    { name: "minutes", value: "M", help: "how long to train each (default 2)" },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...CPU_FLAGS,
    { name: "runs", value: "DIR", help: "folder of the runs (default runs/gallery)" },
    { name: "out", value: "FILE.png", help: "the picture (default docs/figures/gallery.png)" },
  ],
};

const SIDE = 32;
const CLASSES = 9;
const PIXELS = 3 * SIDE * SIDE;

async function gallery(line: CommandLine): Promise<void> {
  const minutes = line.number("minutes", 0.01) ?? 2;
  using device = await openDevice(line.text("device"), cpuOptions(line));
  say(describeDevice(device));
  const presets = Object.keys(PRESETS).filter((name) => name.endsWith("-nano"));
  const images = new Float32Array(presets.length * CLASSES * PIXELS);
  const labels: string[] = [];
  for (const [row, preset] of presets.entries()) {
    const run = await quickstart(
      device,
      join(line.text("runs") ?? join("runs", "gallery"), preset),
      minutes,
      preset,
    );
    // The first of the two images of each class.
    for (let c = 0; c < CLASSES; c++) {
      images.set(run.images.subarray(2 * c * PIXELS, (2 * c + 1) * PIXELS), (row * CLASSES + c) * PIXELS);
    }
    labels.push(`${preset} ${run.firstLoss.toFixed(2)} to ${run.lastLoss.toFixed(2)}`);
    say(`${preset}: ${run.steps} steps, mean loss ${run.firstLoss.toFixed(3)} -> ${run.lastLoss.toFixed(3)}`);
  }
  const caption =
    `One image of each of the nine classes, ${minutes} minutes of training each on ${device.kind}; ` +
    `mean loss of the first ten and of the last fifty steps`;
  const grid = { imageSize: SIDE, rows: presets.length, columns: CLASSES, rowLabels: labels, caption };
  const out = line.text("out") ?? join("docs", "figures", "gallery.png");
  await Deno.writeFile(out, await imageGrid(images, grid));
  say(out);
}

if (import.meta.main) Deno.exit(await runCommand(COMMAND, Deno.args, gallery));
