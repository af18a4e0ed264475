import type { Shape } from "../engine/core/shape.ts";

/** Fields of a configuration by dotted path: `model.depth`. */
export type DottedFields = Readonly<Record<string, unknown>>;

/** How the configuration of one family is read off a `state_dict`. */
export interface Recogniser {
  /**
   * What names and shapes tell of the configuration; undefined where they are not of this family. A field is left out
   * where they don't tell it.
   */
  derive(state: StateView): DottedFields | undefined;
  /** Fields without which a trained network computes the same, and what they are where nothing tells. */
  readonly defaults: DottedFields;
  /** What a trainer's `args` tell beside sections of the configuration's own names. */
  fromArgs?(args: Readonly<Record<string, unknown>>): DottedFields;
}

/** Names and shapes of a `state_dict`, as recognisers look at them. */
export class StateView {
  /** Number of blocks; a thousand at most. */
  readonly depth: number;

  /** A view of `shapes`. */
  constructor(readonly shapes: ReadonlyMap<string, Shape>) {
    const names = [...shapes.keys()];
    const blocks = new Set(names.map((name) => /^blocks\.(\d{1,3})\./.exec(name)?.[1]));
    blocks.delete(undefined);
    this.depth = blocks.size;
  }

  /** Whether there is a tensor of this name and rank. */
  has(name: string, rank?: number): boolean {
    const shape = this.shapes.get(name);
    return shape !== undefined && (rank === undefined || shape.length === rank);
  }

  /** One dimension of a tensor; undefined where there is none. */
  dim(name: string, axis: number): number | undefined {
    return this.shapes.get(name)?.[axis];
  }

  /** Numbers of the blocks that hold a tensor whose name below the block is `name`. */
  blocksWith(name: string): number[] {
    return Array.from({ length: this.depth }, (_, i) => i).filter((i) => this.has(`blocks.${i}.${name}`));
  }
}

/** The ratio by which `width` is `trunc(hidden * ratio)`. */
export function ratioOf(width: number, hidden: number): number {
  const ratio = width / hidden;
  return Math.trunc(hidden * ratio) === width ? ratio : (width + 0.5) / hidden;
}

/**
 * Where the experts are, as `interleave` and `skip_first2` say it: the first of the equal ways, with the least skipped.
 * Undefined where neither describes it.
 */
export function expertPlaces(
  routed: readonly number[],
  depth: number,
): { readonly interleave: boolean; readonly skip: number } | undefined {
  for (const interleave of [true, false]) {
    for (let skip = 0; skip < depth; skip++) {
      const want = Array.from({ length: depth }, (_, i) => i)
        .filter((i) => i >= skip && (!interleave || i % 2 === 1));
      if (want.length === routed.length && want.every((block, i) => block === routed[i])) {
        return { interleave, skip };
      }
    }
  }
  return undefined;
}
