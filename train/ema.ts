import { Arena } from "../engine/device/arena.ts";
import type { Device } from "../engine/device/device.ts";
import type { Parameter, ParamStore } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { emaUpdate } from "../kernels/adamw/mod.ts";

/** An exponential moving average of a model's parameters, and of its buffers. */
export class Average implements Disposable {
  /** In the layout of the parameters' own arenas. */
  readonly arenas: ReadonlyMap<Parameter["kind"], Arena>;
  /** The average of each parameter. */
  readonly values: ReadonlyMap<Parameter, Tensor>;

  /**
   * Takes memory; the values are undefined.
   *
   * @param kinds what is averaged
   * @param decay weight of the old average
   */
  constructor(
    device: Device,
    private readonly params: ParamStore,
    kinds: readonly Parameter["kind"][],
    readonly decay: number,
  ) {
    const own = (kind: Parameter["kind"]) => params.all.filter((parameter) => parameter.kind === kind);
    this.arenas = new Map(kinds.map((kind) => [
      kind,
      new Arena(device, own(kind).map(({ spec }) => spec), { zeros: false }),
    ]));
    const places = new Map(
      kinds.flatMap((kind) =>
        own(kind).map((parameter, i) => [parameter, this.arenas.get(kind)!.parts[i]] as const)
      ),
    );
    this.values = new Map(params.all.flatMap((parameter) => {
      const average = places.get(parameter);
      return average ? [[parameter, average]] : [];
    }));
  }

  /** `average = decay * average + (1 - decay) * value` for all parameters of a kind; nothing where the gate is negative. */
  follow(kind: Parameter["kind"], gate: Tensor): void {
    this.arenas.get(kind)?.pieces.forEach((average, i) =>
      emaUpdate(average, this.params.arena(kind).pieces[i], gate, this.decay)
    );
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    for (const arena of this.arenas.values()) arena[Symbol.dispose]();
  }
}
