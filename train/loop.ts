/**
 * The training loop, whole and in one place.
 *
 * @module
 */
import { DeviceError, NonFiniteError } from "../engine/core/errors.ts";
import type { Device } from "../engine/device/device.ts";
import { checkFinite } from "../engine/program/nan_check.ts";
import type { Program } from "../engine/program/program.ts";
import type { DiffusionModel } from "../models/model.ts";
import type { TrainConfig } from "./config.ts";
import { sampleBatch, type TrainingDataset } from "./dataset/mod.ts";
import { expertLoads, isVoid, type MetricsRecord, readRows, type StepRow } from "./metrics_log.ts";
import { learningRate } from "./schedule.ts";
import { type HostBatch, TrainStep } from "./step.ts";

/** What happens around the steps; all are awaited. */
export interface LoopEvents {
  /** After every `log_every` steps, and after the last. */
  onMetrics(record: MetricsRecord): Promise<void> | void;
  /** When a checkpoint is due, and at the end. */
  onCheckpoint(step: number): Promise<void>;
  /** When a preview grid is due. */
  onPreview(step: number): Promise<void>;
  /** Asked after every step; a true answer ends the run as if it were complete. */
  shouldStop(): boolean;
}

/** A model, its optimizer and its data, ready to take steps. */
export class Trainer implements Disposable {
  /** The step that is recorded or run eagerly. */
  readonly step: TrainStep;
  #program: Program | undefined;
  /** Steps that were submitted. */
  #done = 0;

  private constructor(
    private readonly device: Device,
    readonly model: DiffusionModel,
    private readonly dataset: TrainingDataset,
    private readonly config: TrainConfig,
  ) {
    this.step = new TrainStep(device, model, config, config.train.log_every);
  }

  /**
   * Records the training step, unless `eager`: then every kernel runs at once and is checked for NaN.
   *
   * @param model with its parameters in memory
   */
  static async create(
    device: Device,
    model: DiffusionModel,
    dataset: TrainingDataset,
    config: TrainConfig,
    eager = false,
  ): Promise<Trainer> {
    const trainer = new Trainer(device, model, dataset, config);
    if (!eager) trainer.#program = await device.record("train step", () => trainer.step.body());
    return trainer;
  }

  /** The recorded step; undefined when eager. */
  get program(): Program | undefined {
    return this.#program;
  }

  /**
   * Takes the steps from `from` to the configured end. Returns the number of finished steps.
   *
   * @throws {DeviceError} naming the step at which the device failed
   */
  async run(from: number, events: LoopEvents): Promise<number> {
    this.#done = from;
    try {
      return await this.#takeSteps(from, events);
    } catch (error) {
      if (error instanceof DeviceError) error.message = `Stopped at step ${this.#done}: ${error.message}`;
      throw error;
    }
  }

  async #takeSteps(from: number, events: LoopEvents): Promise<number> {
    const { steps, log_every, checkpoint_every, preview_every } = this.config.train;
    let [logged, done] = [from, from];
    let started = performance.now();
    while (done < steps && !events.shouldStop()) {
      this.#done = done + 1;
      await this.takeStep(done++);
      const last = done === steps || events.shouldStop();
      if (done % log_every === 0 || last) {
        const rows = await readRows(this.step, logged, done);
        const now = performance.now();
        await this.#requireFinite(rows, logged);
        await events.onMetrics(this.#record(rows, done, (now - started) / 1000));
        [logged, started] = [done, performance.now()];
      }
      if (last || done % checkpoint_every === 0) await events.onCheckpoint(done);
      if (!last && preview_every > 0 && done % preview_every === 0) await events.onPreview(done);
    }
    return done;
  }

  /** One optimizer step, number `step` from 0. */
  async takeStep(step: number): Promise<void> {
    this.step.write(step, this.#rate(step), this.#batches(step));
    if (this.#program) return this.#program.run();
    const { device } = this;
    // Scaled gradients may overflow: that is how their scale is found. The forward pass is what a tape sees.
    const within = this.step.optimizer.lossScale && (() => device.tape !== undefined);
    await checkFinite(device, () => this.step.body(), within);
  }

  #rate(step: number): number {
    return learningRate(this.config, step, this.dataset.count);
  }

  #batches(step: number): HostBatch[] {
    const { optim, train, data } = this.config;
    return Array.from({ length: optim.accumulation }, (_, micro) =>
      sampleBatch(this.dataset, {
        seed: train.seed,
        step: step * optim.accumulation + micro,
        batchSize: train.batch_size,
        flip: data.flip,
      }));
  }

  /**
   * A non-finite step changed nothing, so it is run again eagerly to find the module. With a loss scale to halve it is
   * no error.
   */
  async #requireFinite(rows: readonly StepRow[], first: number): Promise<void> {
    const bad = rows.findIndex((row) => isVoid(row) && !((row.scale ?? 1) > 1));
    if (bad < 0) return;
    const step = first + bad;
    this.step.write(step, this.#rate(step), this.#batches(step));
    try {
      await checkFinite(this.device, () => this.step.body());
    } catch (error) {
      if (error instanceof NonFiniteError) error.message = `Step ${step + 1} is not finite: ${error.message}`;
      throw error;
    }
    throw new NonFiniteError(
      `Step ${step + 1} has loss ${rows[bad].loss} and gradient norm ${rows[bad].gradNorm}`,
    );
  }

  #record(rows: readonly StepRow[], done: number, seconds: number): MetricsRecord {
    const { optim, train } = this.config;
    const losses = rows.map(({ loss }) => loss);
    const finite = losses.filter(Number.isFinite);
    const { scale } = rows[rows.length - 1];
    return {
      step: done,
      loss: finite.reduce((sum, loss) => sum + loss, 0) / finite.length,
      losses,
      lr: this.#rate(done - 1),
      grad_norm: rows[rows.length - 1].gradNorm,
      images_per_second: rows.length * train.batch_size * optim.accumulation / seconds,
      experts: expertLoads(this.step.routed, rows),
      ...scale === undefined ? {} : { loss_scale: scale, skipped: rows.filter(isVoid).length },
    };
  }

  /** Releases the recorded program. */
  [Symbol.dispose](): void {
    this.#program?.[Symbol.dispose]();
  }
}
