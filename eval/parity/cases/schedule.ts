import { rateAtEpoch } from "../../../train/schedule.ts";
import type { CaseRunner } from "../case.ts";

/** Learning rates at some points of a run (behaviour 32). */
export const runSchedule: CaseRunner = async ({ golden, checks }) => {
  const args = golden.config.section("args");
  const schedule = {
    lr: args.number("lr"),
    min_lr: args.number("min_lr"),
    lr_schedule: args.choice("lr_schedule", ["constant", "cosine"]),
    warmup_epochs: args.number("warmup_epochs"),
    epochs: args.number("epochs"),
  };
  args.finish();
  const epochs = Array.from(await golden.read("in.epoch"));
  await checks.values("out.lr", epochs.map((epoch) => rateAtEpoch(schedule, epoch)), "table");
};
