/**
 * Training: configuration, data, the step, the loop, checkpoints.
 *
 * ```ts ignore
 * import { openDevice } from "@tessera/tessera/engine";
 * import { openTrainingData, train, trainConfigOf } from "@tessera/tessera/train";
 *
 * using device = await openDevice();
 * const data = await openTrainingData(trainConfigOf("dsmoe-nano"));
 * await train({ device, ...data, out: "runs/mine", onMetrics: ({ step, loss }) => console.log(step, loss) });
 * ```
 *
 * @module
 */
export { type CheckpointInfo, checkpointInfo, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export {
  CONFIG_SCHEMA,
  type DataConfig,
  type OptimConfig,
  type RunConfig,
  type TrainConfig,
  trainConfigOf,
  validateTrainConfig,
} from "./config.ts";
export {
  applyOverrides,
  type ConfigSchema,
  type FieldRule,
  type FieldType,
  mergeConfig,
  readConfigFile,
} from "./config_file.ts";
export * from "./dataset/mod.ts";
export { type LoopEvents, Trainer } from "./loop.ts";
export { lossPlot, type LossPlotOptions, type LossRecord } from "./loss_plot.ts";
export { type ExpertLoad, type MetricsRecord, readMetrics } from "./metrics_log.ts";
export { AdamW, type AdamwOptions, type UpdateResult } from "./optimizer.ts";
export { quickstart, type QuickstartResult } from "./quickstart.ts";
export { openTrainingData, RUN_FILES, train, type TrainOptions, type TrainResult } from "./run.ts";
export { learningRate } from "./schedule.ts";
export { type HostBatch, TrainStep } from "./step.ts";
