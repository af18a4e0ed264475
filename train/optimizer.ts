import type { Device } from "../engine/device/device.ts";
import { byteLength, u32 } from "../engine/core/spec.ts";
import { Arena } from "../engine/device/arena.ts";
import type { Parameter, ParamStore } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { adamwLines } from "../kernels/adamw/mod.ts";
import { assign } from "../kernels/assign/mod.ts";
import { full } from "../kernels/elementwise/mod.ts";
import { clipGate, globalNorm } from "../kernels/global_norm/mod.ts";
import type { LossScale } from "./loss_scale.ts";
import { concat } from "../kernels/split/mod.ts";
import type { Routing } from "../models/moe/sparse_moe.ts";
import { Average } from "./ema.ts";
import { OptimizerSlots } from "./optimizer_slots.ts";

/** Constants of AdamW and EMA. */
export interface AdamwOptions {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Decoupled decay; a function where it differs between parameters. */
  readonly weightDecay: number | ((parameter: Parameter) => number);
  /** Null for no average. */
  readonly emaDecay: number | null;
  /** Decay of a second average; null, or absent, for none. */
  readonly emaDecay2?: number | null;
  /** Whether the averages hold buffers too (behaviour 40), or parameters only (behaviour 31); true where absent. */
  readonly emaBuffers?: boolean;
  /** Largest global gradient norm; null for no clipping. */
  readonly clipNorm: number | null;
  /** What the gradients are multiples of, where they are not those of the loss itself. */
  readonly lossScale?: LossScale;
}

/**
 * The decay of each parameter where biases and norms are left out: 0 for one-dimensional tensors and names that end in
 * `.bias`, `decay` for all else, tables and routers included (behaviour 32). A stack of experts counts as one of them.
 */
export function weightDecayGroups(decay: number): (parameter: Parameter) => number {
  return (parameter) => {
    const [{ shape }] = parameter.entries();
    return shape.length === 1 || parameter.name.endsWith(".bias") ? 0 : decay;
  };
}

/** What one update did. */
export interface UpdateResult {
  /** Global gradient norm before clipping, `f32[1]`. */
  readonly gradNorm: Tensor;
  /** Factor on the gradients, `f32[1]`; -1 where the step was skipped. */
  readonly gate: Tensor;
  /** Tokens of all experts, layer after layer, `i32[C]`; absent without experts. */
  readonly counts?: Tensor;
}

/** One parameter's part of the optimizer's memory; all of it is changed in place. */
export interface ParameterState {
  /** First moment. */
  readonly m: Tensor;
  /** Second moment. */
  readonly v: Tensor;
  /** Updates so far, of each expert of a stack: `u32[G]`. */
  readonly steps: Tensor;
  /** `1 - beta1^steps` and `1 - beta2^steps`: `f32[G, 2]`. */
  readonly correction: Tensor;
}

/**
 * AdamW with decoupled decay and an average of the weights, in place on the device (Loshchilov and Hutter, 2019).
 *
 * Experts that received no token in a step are skipped completely, each with its own step counter (behaviour 38).
 * A step whose loss or gradient is not finite changes nothing, and neither does any later one; with a loss scale above
 * 1 only the scale changes. Parameters, moments, averages and gradients lie in arenas, so that a launch updates as many parameters as one buffer holds.
 */
export class AdamW implements Disposable {
  /** Moments and step counters of what is trained. */
  readonly states: ReadonlyMap<Parameter, ParameterState>;
  /** Averages of parameters, frozen ones too, and of buffers where they are averaged; empty where there is none. */
  readonly ema: ReadonlyMap<Parameter, Tensor>;
  /** The same with the second decay. */
  readonly ema2: ReadonlyMap<Parameter, Tensor>;
  readonly #averages: readonly Average[];
  readonly #m: Arena;
  readonly #v: Arena;
  readonly #gradients: Arena;
  readonly #slots: OptimizerSlots;
  readonly #halted: Tensor;
  /** What scales the gradients, if anything does. */
  readonly lossScale: LossScale | undefined;

  /** Allocates the state; the parameters must be in memory. */
  constructor(
    private readonly device: Device,
    private readonly params: ParamStore,
    private readonly options: AdamwOptions,
  ) {
    const kinds = (["trainable", "frozen", "buffer"] as const)
      .filter((kind) => kind !== "buffer" || options.emaBuffers !== false);
    const average = (decay: number | null | undefined) =>
      typeof decay === "number" ? new Average(device, params, kinds, decay) : undefined;
    const [first, second] = [average(options.emaDecay), average(options.emaDecay2)];
    this.#averages = [first, second].filter((given) => given !== undefined);
    this.ema = first?.values ?? new Map();
    this.ema2 = second?.values ?? new Map();
    const { trainable } = params;
    const arena = () => new Arena(device, trainable.map(({ spec }) => spec));
    [this.#m, this.#v, this.#gradients] = [arena(), arena(), arena()];
    const decayOf = (parameter: Parameter) =>
      typeof options.weightDecay === "number" ? options.weightDecay : options.weightDecay(parameter);
    this.#slots = new OptimizerSlots(device, trainable, params.arena("trainable").layout, decayOf);
    this.states = new Map(trainable.map((parameter, i) => {
      const { steps, correction } = this.#slots.counters[i];
      return [parameter, { m: this.#m.parts[i], v: this.#v.parts[i], steps, correction }];
    }));
    this.lossScale = options.lossScale;
    this.#halted = device.persistent(u32(1), new Uint32Array(1));
  }

  /** Bytes of the gradients. */
  get gradientBytes(): number {
    return this.#gradients.parts.reduce((sum, { spec }) => sum + byteLength(spec), 0);
  }

  /** Starts the averages as copies of the present values. */
  startEma(): void {
    for (const [parameter, average] of [...this.ema, ...this.ema2]) assign(average, parameter.tensor);
  }

  /**
   * One update.
   *
   * @param gradients in the order of `params.trainable`; null for a parameter that did not take part
   * @param loss `f32[]`
   * @param rate the learning rate, `f32[1]`
   */
  step(
    gradients: readonly (Tensor | null)[],
    loss: Tensor,
    rate: Tensor,
    routings: readonly Routing[],
  ): UpdateResult {
    this.#gradients.parts.forEach((part, i) =>
      this.device.at(
        this.params.trainable[i].name,
        () => assign(part, gradients[i] ?? full(this.device, part.shape, 0)),
      )
    );
    const { clipNorm } = this.options;
    const norm = globalNorm(this.#gradients.pieces);
    const { gate, norm: gradNorm } = this.lossScale?.gate(norm, loss, this.#halted, clipNorm) ??
      { gate: clipGate(norm, loss, this.#halted, clipNorm), norm };
    const counts = routings.length > 0 ? concat(routings.map(({ counts }) => counts), 0) : undefined;
    const control = { hyper: rate, gate };
    this.#update(this.#slots.advance(gradients, control, routings, counts, this.options));
    this.#averages[1]?.follow("trainable", gate);
    return { gradNorm, gate, counts };
  }

  /** Moves the averages of buffers and frozen parameters; after anything that changes a buffer. */
  averageBuffers(gate: Tensor): void {
    for (const average of this.#averages) {
      average.follow("frozen", gate);
      average.follow("buffer", gate);
    }
  }

  #update(coefficients: Tensor): void {
    const { beta1, beta2, eps } = this.options;
    const [average] = this.#averages;
    const attrs = { beta1, beta2, eps, line: this.#slots.line, emaDecay: average?.decay };
    this.params.arena("trainable").pieces.forEach((param, i) => {
      const values = { param, m: this.#m.pieces[i], v: this.#v.pieces[i] };
      const ema = average?.arenas.get("trainable")?.pieces[i];
      const gradient = this.#gradients.pieces[i];
      adamwLines({ ...values, ema }, gradient, coefficients, this.#slots.ofLine[i], attrs);
    });
  }

  /** Releases moments, gradients and averages; the parameters belong to their store. */
  [Symbol.dispose](): void {
    for (const arena of [this.#m, this.#v, this.#gradients]) arena[Symbol.dispose]();
    for (const average of this.#averages) average[Symbol.dispose]();
    this.#slots[Symbol.dispose]();
    this.device.release(this.#halted);
  }
}
