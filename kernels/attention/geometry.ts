import { commonFloat } from "../../engine/core/dtype.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import {
  expectDTypes,
  f32,
  formatSpec,
  makeSpec,
  type Spec,
  type WantedDType,
} from "../../engine/core/spec.ts";
import { checkRotation } from "../rope/rotation.ts";

/** Attributes of `attention` and of its backward. */
export interface AttentionAttrs {
  /** Whether the first input is `qkv: f32[B, N, 3, H, D]`, and not three inputs q, k and v. */
  readonly packed: boolean;
  /** Rotates q and k by the table that follows, in blocks of this many channels; 0 for no rotation. */
  readonly block: number;
  /** Whether an input `sinks: f32[H]` follows. */
  readonly sinks: boolean;
  /** Whether a query sees no later key. */
  readonly causal: boolean;
  /** With `causal`: how many keys a query sees, itself included; 0 for all. */
  readonly window: number;
}

/** Sizes of a call, and where its operands are. */
export interface Geometry {
  readonly batch: number;
  readonly tokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Input numbers; -1 where there is none. */
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly table: number;
  readonly sinks: number;
  /** Number of inputs before those of the backward pass. */
  readonly inputs: number;
  /** Elements from one token to the next, and from the start of a token to its first head. */
  readonly qStride: number;
  readonly kvStride: number;
  readonly kOffset: number;
  readonly vOffset: number;
}

/** Reads sizes and input numbers off the specs of a forward call (a backward call starts with the same inputs). */
export function geometryOf(inputs: readonly Spec[], { packed, block, sinks }: AttentionAttrs): Geometry {
  const first = inputs[0].shape;
  const [batch, tokens] = first;
  const [heads, headDim] = first.slice(-2);
  const kvHeads = packed ? heads : inputs[1].shape[2];
  const [k, v] = packed ? [0, 0] : [1, 2];
  const table = block > 0 ? v + 1 : -1;
  const sink = sinks ? v + 1 + Number(block > 0) : -1;
  const width = heads * headDim;
  return {
    ...{ batch, tokens, heads, kvHeads, headDim, q: 0, k, v, table, sinks: sink },
    inputs: v + 1 + Number(block > 0) + Number(sinks),
    qStride: packed ? 3 * width : width,
    kvStride: packed ? 3 * width : kvHeads * headDim,
    kOffset: packed ? width : 0,
    vOffset: packed ? 2 * width : 0,
  };
}

/**
 * `f32[B, N, H, D]` of the result, `f16` where queries, keys and values are, and `f32[B, H, N]` of its log-sum-exp.
 *
 * @param inputs of the forward call
 */
export function outputsOf(
  { batch, tokens, heads, headDim, v }: Geometry,
  inputs: readonly Spec[],
): readonly Spec[] {
  const dtype = commonFloat(inputs.slice(0, v + 1).map((spec) => spec.dtype));
  return [makeSpec(dtype, [batch, tokens, heads, headDim]), f32(batch, heads, tokens)];
}

/** The half-open range of keys that query `n` sees. */
export function visibleKeys(n: number, tokens: number, { causal, window }: AttentionAttrs): [number, number] {
  if (!causal) return [0, tokens];
  return [window > 0 ? Math.max(0, n - window + 1) : 0, n + 1];
}

/** Pairs of a query and a key that it sees, over all heads and batch entries. */
export function visiblePairs(g: Geometry, attrs: AttentionAttrs): number {
  let pairs = 0;
  for (let n = 0; n < g.tokens; n++) {
    const [low, high] = visibleKeys(n, g.tokens, attrs);
    pairs += high - low;
  }
  return pairs * g.batch * g.heads;
}

/**
 * Checks the inputs that forward and backward share.
 *
 * @param action what fails otherwise, for the message: `compute attention`
 * @throws {ShapeError} naming the input and the shape that is wanted
 * @throws {DTypeError} when an operand is not a float, or another input not `f32`
 */
export function checkedGeometry(action: string, inputs: readonly Spec[], attrs: AttentionAttrs): Geometry {
  expectDTypes(action, inputs, wantedTypes(attrs).slice(0, inputs.length));
  const count = (attrs.packed ? 1 : 3) + Number(attrs.block > 0) + Number(attrs.sinks);
  if (inputs.length < count) {
    throw new ShapeError(`Cannot ${action}: ${count} inputs wanted, got ${inputs.length}`);
  }
  checkOperands(action, inputs, attrs.packed);
  const g = geometryOf(inputs, attrs);
  if (g.headDim % 2 !== 0) {
    throw new ShapeError(
      `Cannot ${action} of ${formatSpec(inputs[0])}: the head size must be even, got ${g.headDim}`,
    );
  }
  if (attrs.block > 0) checkRotation(action, inputs[g.table], attrs.block, g.tokens, g.headDim);
  if (attrs.sinks) expectShape(action, "the sinks", inputs[g.sinks], [g.heads]);
  checkWindow(action, attrs);
  return g;
}

/** Operands, the output and its gradient may be `f16`; the table, the sinks, and all statistics are `f32`. */
function wantedTypes({ packed, block, sinks }: AttentionAttrs): readonly WantedDType[] {
  const operands = (packed ? ["float"] : ["float", "float", "float"]) as WantedDType[];
  const tables: WantedDType[] = [...block > 0 ? ["f32" as const] : [], ...sinks ? ["f32" as const] : []];
  return [...operands, ...tables, "float", "f32", "float", "f32"];
}

/** Checks one more input of a call. */
export function expectShape(action: string, what: string, given: Spec, wanted: readonly number[]): void {
  if (given.shape.length === wanted.length && given.shape.every((dim, i) => dim === wanted[i])) return;
  throw new ShapeError(
    `Cannot ${action}: ${what} must be f32[${wanted.join(", ")}], got ${formatSpec(given)}`,
  );
}

function checkOperands(action: string, inputs: readonly Spec[], packed: boolean): void {
  const { shape } = inputs[0];
  if (packed) {
    if (shape.length === 5 && shape[2] === 3) return;
    throw new ShapeError(`Cannot ${action} of ${formatSpec(inputs[0])}: f32[B, N, 3, H, D] is wanted`);
  }
  if (shape.length !== 4) {
    throw new ShapeError(`Cannot ${action} of ${formatSpec(inputs[0])}: f32[B, N, H, D] is wanted`);
  }
  const [batch, tokens, heads, headDim] = shape;
  const kvHeads = inputs[1].shape[2] ?? heads;
  expectShape(action, "the keys", inputs[1], [batch, tokens, kvHeads, headDim]);
  expectShape(action, "the values", inputs[2], [batch, tokens, kvHeads, headDim]);
  if (heads % kvHeads !== 0) {
    throw new ShapeError(
      `Cannot ${action} of ${heads} query heads with ${kvHeads} key heads: the second must divide the first`,
    );
  }
}

function checkWindow(action: string, { causal, window }: AttentionAttrs): void {
  if (!Number.isInteger(window) || window < 0) {
    throw new RangeError(
      `Cannot ${action}: the window must be a whole number of at least 0, got ${window}`,
    );
  }
  if (window > 0 && !causal) {
    throw new RangeError(`Cannot ${action}: a window of ${window} keys needs causal attention`);
  }
}
