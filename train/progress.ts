import { formatDuration } from "../cli/progress.ts";
import type { MetricsRecord } from "./metrics_log.ts";

/** The progress of a run: `step 120/2000  loss 0.4213  41.2 images/s  0:52 left`. */
export function progressText(record: MetricsRecord, steps: number | undefined, secondsLeft: number): string {
  const of = steps === undefined ? "" : `/${steps}`;
  const worst = Math.max(0, ...record.experts.map(({ max_share }) => max_share));
  return [
    `step ${record.step}${of}`,
    `loss ${record.loss.toFixed(4)}`,
    `${record.images_per_second.toFixed(1)} images/s`,
    `busiest expert ${(100 * worst).toFixed(0)}%`,
    `${formatDuration(secondsLeft)} left`,
  ].join("  ");
}
