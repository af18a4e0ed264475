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
  type TrainSections,
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
export { balancePlot, type BalancePlotOptions, type BalanceSeries, worstLoadRatio } from "./balance_plot.ts";
export type { ChartSize } from "../eval/mod.ts";
export { encodeImages, type EncodeOptions, type LatentEncoder } from "./encode/encode.ts";
export { type LoopEvents, Trainer } from "./loop.ts";
export { LOSS_SCALE, LossScale } from "./loss_scale.ts";
export { lossPlot, type LossPlotOptions, type LossRecord } from "./loss_plot.ts";
export { balanceOf, type ExpertLoad, type MetricsRecord, readMetrics } from "./metrics_log.ts";
export {
  AdamW,
  type AdamwOptions,
  type ParameterState,
  type UpdateResult,
  weightDecayGroups,
} from "./optimizer.ts";
export { quickstart, type QuickstartResult } from "./quickstart.ts";
export { openTrainingData, RUN_FILES, train, type TrainOptions, type TrainResult } from "./run.ts";
export { learningRate, peakRate, rateAtEpoch, type RateSchedule, stepsPerEpoch } from "./schedule.ts";
export { type HostBatch, type RoutedLayer, TrainStep } from "./step.ts";
