import type { RoutedLayer, TrainStep } from "./step.ts";

/** Expert load of one MoE layer over some steps. */
export interface ExpertLoad {
  /** Path of the layer. */
  readonly layer: string;
  /** Coefficient of variation of the experts' token counts: 0 is perfect balance. */
  readonly cv: number;
  /** Share of the tokens that the busiest expert got; 1 / E is perfect balance. */
  readonly max_share: number;
  /** Entropy of the shares over ln E: 1 is perfect balance, 0 is one expert for all tokens. */
  readonly entropy: number;
  /** Experts that got no token at all. */
  readonly dead: number;
  /** Share of the tokens that each expert got; they add up to 1. */
  readonly shares: readonly number[];
}

/** One line of `metrics.jsonl`: the steps since the line before. */
export interface MetricsRecord {
  /** Finished steps. */
  readonly step: number;
  /** Mean of `losses`. */
  readonly loss: number;
  /** Loss of every step since the line before. */
  readonly losses: readonly number[];
  /** Learning rate of the last step. */
  readonly lr: number;
  /** Gradient norm of the last step, before clipping. */
  readonly grad_norm: number;
  /** Images trained on, over the wall clock. */
  readonly images_per_second: number;
  /** Load of each MoE layer. */
  readonly experts: readonly ExpertLoad[];
  /** In half precision: what the loss of the last step was multiplied by before it was differentiated. */
  readonly loss_scale?: number;
  /** In half precision: steps since the line before that overflowed and changed nothing but the scale. */
  readonly skipped?: number;
}

/** One step's row of the ring. */
export interface StepRow {
  readonly loss: number;
  readonly gradNorm: number;
  /** Token counts by layer and expert. */
  readonly counts: readonly (readonly number[])[];
  /** What the loss was multiplied by before it was differentiated; absent where it was not. */
  readonly scale?: number;
}

/** Whether a step changed nothing since it was not finite. */
export function isVoid({ loss, gradNorm }: StepRow): boolean {
  return !Number.isFinite(loss) || !Number.isFinite(gradNorm);
}

/** Reads the rows of the steps `[from, to)` from the device: the only readback of a run. */
export async function readRows(step: TrainStep, from: number, to: number): Promise<StepRow[]> {
  const values = await step.ring.read();
  const [capacity, columns] = step.ring.shape;
  return Array.from({ length: to - from }, (_, i) => {
    const at = ((from + i) % capacity) * columns;
    const row = Array.from(values.subarray(at, at + columns));
    return {
      loss: row[0],
      gradNorm: row[1],
      counts: countsOf(step.routed, row),
      ...step.optimizer.lossScale ? { scale: row[columns - 1] } : {},
    };
  });
}

function countsOf(layers: readonly RoutedLayer[], row: readonly number[]): number[][] {
  let column = 2;
  return layers.map(({ experts }) => row.slice(column, column += experts));
}

/** Balance of every layer over some steps. */
export function expertLoads(layers: readonly RoutedLayer[], rows: readonly StepRow[]): ExpertLoad[] {
  return layers.map(({ path: layer }, l) => {
    const counts = rows[0].counts[l].map((_, e) => rows.reduce((sum, row) => sum + row.counts[l][e], 0));
    return { layer, ...balanceOf(counts) };
  });
}

/**
 * How evenly tokens are spread over experts. Where there is no token at all, every share is 0.
 *
 * @param counts tokens of each expert
 */
export function balanceOf(counts: readonly number[]): Omit<ExpertLoad, "layer"> {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.map((count) => total > 0 ? count / total : 0);
  const even = 1 / counts.length;
  const variance = shares.reduce((sum, share) => sum + (share - even) ** 2, 0) * even;
  const entropy = shares.reduce((sum, share) => share > 0 ? sum - share * Math.log(share) : sum, 0);
  return {
    cv: Math.sqrt(variance) / even,
    max_share: Math.max(...shares),
    entropy: counts.length > 1 ? entropy / Math.log(counts.length) : 1,
    dead: counts.filter((count) => count === 0).length,
    shares,
  };
}

/** `metrics.jsonl`: one JSON object a line, flushed with every line. */
export class MetricsLog implements Disposable {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Opens the log for appending, first dropping the lines of steps after `step`: a killed run may have logged steps
   * that its last checkpoint does not hold.
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const kept = (await readMetrics(path)).filter((record) => record.step <= step);
    await Deno.writeTextFile(path, kept.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return new MetricsLog(await Deno.open(path, { append: true }));
  }

  /** Appends a record. */
  write(record: MetricsRecord): void {
    this.#file.writeSync(new TextEncoder().encode(`${JSON.stringify(record)}\n`));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** The records of a log, leaving out a last line that was cut off; none where there is no file. */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}
