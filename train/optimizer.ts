import type { Device } from "../engine/device/device.ts";
import { f32, u32 } from "../engine/core/spec.ts";
import type { Parameter, ParamStore } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { adamw, type AdamwState, emaUpdate } from "../kernels/adamw/mod.ts";
import { assign } from "../kernels/assign/mod.ts";
import { clipGate, globalNorm } from "../kernels/global_norm/mod.ts";
import type { Routing } from "../models/moe/sparse_moe.ts";

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

/** What one update did: gradient norm before clipping `f32[1]`, and the gate, -1 where the step was skipped. */
export interface UpdateResult {
  /** Global gradient norm before clipping, `f32[1]`. */
  readonly gradNorm: Tensor;
  /** Factor on the gradients, `f32[1]`; -1 where the step was skipped. */
  readonly gate: Tensor;
}

/**
 * AdamW with decoupled decay and an average of the weights, in place on the device (Loshchilov and Hutter, 2019).
 *
 * Experts that received no token in a step are skipped completely, each with its own step counter (behaviour 38).
 * A step whose loss or gradient is not finite changes nothing, and neither does any later one.
 */
export class AdamW implements Disposable {
  /** Moments, averages and step counters of what is trained. */
  readonly states: ReadonlyMap<Parameter, AdamwState>;
  /** Averages of parameters, frozen ones too, and of buffers where they are averaged; empty where there is none. */
  readonly ema: ReadonlyMap<Parameter, Tensor>;
  /** The same with the second decay. */
  readonly ema2: ReadonlyMap<Parameter, Tensor>;
  readonly #halted: Tensor;

  /** Allocates the state; the parameters must be in memory. */
  constructor(
    private readonly device: Device,
    private readonly params: ParamStore,
    private readonly options: AdamwOptions,
  ) {
    const averaged = params.all.filter(({ kind }) => kind !== "buffer" || options.emaBuffers !== false);
    const averages = (decay: number | null | undefined) =>
      new Map(typeof decay === "number" ? averaged.map((p) => [p, device.persistent(p.spec)]) : []);
    this.ema = averages(options.emaDecay);
    this.ema2 = averages(options.emaDecay2);
    this.states = new Map(params.trainable.map((p) => [p, this.#stateOf(p)]));
    this.#halted = device.persistent(u32(1), new Uint32Array(1));
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
    const { beta1, beta2, eps, emaDecay, emaDecay2, clipNorm, weightDecay: decay } = this.options;
    const gradNorm = globalNorm(gradients.filter((gradient) => gradient !== null));
    const gate = clipGate(gradNorm, loss, this.#halted, clipNorm);
    const counts = new Map(routings.map((routing) => [routing.path, routing.counts]));
    this.params.trainable.forEach((parameter, i) => {
      const gradient = gradients[i];
      const state = this.states.get(parameter)!;
      const { routedBy } = parameter.options;
      const active = routedBy === undefined ? undefined : counts.get(routedBy);
      const control = { hyper: rate, gate, active };
      this.device.at(parameter.name, () => {
        const weightDecay = typeof decay === "number" ? decay : decay(parameter);
        const settings = { beta1, beta2, eps, weightDecay, emaDecay: emaDecay ?? undefined };
        if (gradient) adamw(state, gradient, control, settings);
        else if (state.ema) emaUpdate(state.ema, state.param, gate, emaDecay!);
        const second = this.ema2.get(parameter);
        if (second) emaUpdate(second, state.param, gate, emaDecay2!);
      });
    });
    return { gradNorm, gate };
  }

  /** Moves the averages of buffers and frozen parameters; after anything that changes a buffer. */
  averageBuffers(gate: Tensor): void {
    const { emaDecay, emaDecay2 } = this.options;
    for (const parameter of this.params.all) {
      if (parameter.kind === "trainable") continue;
      const [first, second] = [this.ema.get(parameter), this.ema2.get(parameter)];
      this.device.at(parameter.name, () => {
        if (first) emaUpdate(first, parameter.tensor, gate, emaDecay!);
        if (second) emaUpdate(second, parameter.tensor, gate, emaDecay2!);
      });
    }
  }

  #stateOf(parameter: Parameter): AdamwState {
    const groups = parameter.options.experts ?? 1;
    const zeros = new Float32Array(parameter.size);
    return {
      param: parameter.tensor,
      m: this.device.persistent(parameter.spec, zeros),
      v: this.device.persistent(parameter.spec, zeros),
      ema: this.ema.get(parameter),
      steps: this.device.persistent(u32(groups), new Uint32Array(groups)),
      correction: this.device.persistent(f32(groups, 2), new Float32Array(2 * groups)),
    };
  }

  /** Releases moments and averages; the parameters belong to their store. */
  [Symbol.dispose](): void {
    const own = [...this.states.values()].flatMap(({ m, v, steps, correction }) => [m, v, steps, correction]);
    const averages = [...this.ema.values(), ...this.ema2.values()];
    for (const tensor of [...own, ...averages, this.#halted]) this.device.release(tensor);
  }
}
