import type { DType } from "../../engine/core/dtype.ts";
import { dtypeOf } from "../../engine/core/dtype.ts";
import { sameShape } from "../../engine/core/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import {
  type Distance,
  distance,
  largestRelativeError,
  mismatches,
  type Numbers,
  relativeError,
  total,
} from "./compare.ts";
import type { Golden } from "./golden.ts";
import { type Quantity, SMALL_GRADIENT, type ToleranceName, TOLERANCES } from "./tolerances.ts";

/** One compared quantity of a case. */
export interface Check {
  /** Name of the tensor, or of what is derived from several. */
  readonly quantity: string;
  /** Relative L2 error or largest relative error, or the number of differing elements where the tolerance is 0. */
  readonly error: number;
  /** Largest error that passes; 0 where all elements must be equal. */
  readonly tolerance: number;
  /** Whether the error is within the tolerance. */
  readonly passed: boolean;
  /** Why it failed, where a number cannot say. */
  readonly note?: string;
}

/** Compares the results of a run with a golden file, and remembers which expected tensors are still open. */
export class Checks {
  readonly list: Check[] = [];
  readonly #open: Set<string>;

  constructor(private readonly golden: Golden, private readonly column: ToleranceName) {
    this.#open = new Set(golden.expected());
  }

  /** Compares a tensor with the golden entry of this name: relative L2 error. */
  async tensor(name: string, got: Tensor, quantity: Quantity): Promise<void> {
    if (await this.#fits(name, got, "f32")) await this.values(name, await got.read(), quantity);
  }

  /** Compares integers with the golden entry of this name: all must be equal. */
  async exact(name: string, got: Tensor): Promise<void> {
    if (await this.#fits(name, got, "i32")) await this.integers(name, await got.read());
  }

  /** Compares host values with the golden entry of this name: relative L2 error. */
  async values(name: string, got: Numbers, quantity: Quantity): Promise<void> {
    const want = await this.#expected(name, got.length);
    if (want) this.measured(name, relativeError(distance(got, want)), quantity);
  }

  /** Compares host integers with the golden entry of this name: all must be equal. */
  async integers(name: string, got: Numbers): Promise<void> {
    const want = await this.#expected(name, got.length);
    if (!want) return;
    this.counted(name, mismatches(got, want));
  }

  /**
   * Compares a tensor with the golden entry of this name element by element: the largest relative error.
   *
   * @param scales what each error is relative to; the wanted value unless given
   */
  async elements(name: string, got: Tensor, quantity: Quantity, scales?: Numbers): Promise<void> {
    if (!await this.#fits(name, got, "f32")) return;
    const [values, want] = [await got.read(), await this.#expected(name, got.size)];
    if (want) this.measured(name, largestRelativeError(values, want, scales ?? want), quantity);
  }

  /** Compares every `grad.` entry of the file: all as one vector, then each by its share of the global norm. */
  async gradients(got: ReadonlyMap<string, Numbers>): Promise<void> {
    const distances = new Map<string, Distance>();
    for (const name of this.golden.names("grad.")) {
      const want = await this.#expected(`grad.${name}`, got.get(name)?.length);
      if (want) distances.set(name, distance(got.get(name)!, want));
    }
    for (const name of got.keys()) {
      if (!this.golden.has(`grad.${name}`)) this.failed(`grad.${name}`, "the file has no such gradient");
    }
    const all = total(distances.values());
    this.measured("gradients, all", relativeError(all), "gradients");
    for (const [name, own] of distances) {
      const large = own.squaredNorm >= SMALL_GRADIENT ** 2 * all.squaredNorm;
      if (large) this.measured(`grad.${name}`, relativeError(own), "gradient");
      else {
        const error = relativeError({ ...own, squaredNorm: all.squaredNorm });
        this.measured(`grad.${name}`, error, "smallGradient");
      }
    }
  }

  /** Adds an error that was measured elsewhere. */
  measured(name: string, error: number, quantity: Quantity): void {
    const tolerance = TOLERANCES[quantity][this.column];
    this.list.push({ quantity: name, error, tolerance, passed: error <= tolerance });
  }

  /** Adds a number of things that differ and must not. */
  counted(name: string, differing: number): void {
    this.list.push({ quantity: name, error: differing, tolerance: 0, passed: differing === 0 });
  }

  /** Adds a failure that has no number. */
  failed(name: string, note: string): void {
    this.list.push({ quantity: name, error: NaN, tolerance: NaN, passed: false, note });
  }

  /** Marks golden entries that are compared through a quantity derived from them. */
  covered(...names: string[]): void {
    for (const name of names) this.#open.delete(name);
  }

  /** Ends the case: an expected tensor that nothing was compared with is a failure. */
  finish(): void {
    for (const name of this.#open) this.failed(name, "not compared: this kind of case does not compute it");
  }

  async #fits(name: string, got: Tensor, dtype: DType): Promise<boolean> {
    if (!this.golden.has(name)) return this.failed(name, "the file has no such tensor"), false;
    const shape = this.golden.shape(name);
    const wanted = dtypeOf(await this.golden.read(name));
    if (wanted === dtype && got.dtype === dtype && sameShape(got.shape, shape)) return true;
    this.covered(name);
    return this.failed(name, `shape: ${wanted}[${shape.join(", ")}] wanted, got ${got}`), false;
  }

  async #expected(name: string, length: number | undefined): Promise<Numbers | undefined> {
    this.covered(name);
    if (!this.golden.has(name)) return void this.failed(name, "the file has no such tensor");
    const want = await this.golden.read(name);
    if (want.length === length) return want;
    this.failed(name, length === undefined ? "not computed" : `${want.length} values wanted, got ${length}`);
  }
}
