import type { DType } from "../engine/core/dtype.ts";
import type { KernelCase } from "../engine/kernel.ts";

/** Which float inputs of a case are to be `f16`, by their places, and what else changes in its attributes. */
export interface HalfOptions<A> {
  /** All float inputs unless given. */
  readonly inputs?: readonly number[];
  /** Attributes to change, such as the dtype of the result. */
  readonly attrs?: Partial<A>;
  /** What is special about it, for the name. */
  readonly name?: string;
}

/**
 * A case with half-precision inputs in place of `f32` ones: the same numbers, rounded.
 *
 * @param test a case with `f32` inputs only
 */
export function inHalf<A>(test: KernelCase<A>, options: HalfOptions<A> = {}): KernelCase<A> {
  const chosen = (i: number) => options.inputs?.includes(i) ?? true;
  const dtypes = test.inputs.map(({ dtype }, i): DType => dtype === "f32" && chosen(i) ? "f16" : dtype);
  return {
    ...test,
    name: `${test.name}, ${options.name ?? "half precision"}`,
    inputs: test.inputs.map(({ shape }, i) => ({ dtype: dtypes[i], shape })),
    attrs: { ...test.attrs, ...options.attrs },
    values: test.values &&
      (() =>
        test.values!(test.inputs).map((values, i) =>
          dtypes[i] === "f16" ? Float16Array.from(values) : values
        )),
  };
}
