import { f32, type Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits } from "../../engine/kernel.ts";
import partnersSource from "./attention_partners_vec4.wgsl" with { type: "text" };
import rotateSource from "./attention_rotate_vec4.wgsl" with { type: "text" };
import type { AttentionAttrs, Geometry } from "./geometry.ts";

const WORKGROUP = 64;

/** A call of attention with its inputs. */
export interface Call {
  readonly g: Geometry;
  readonly inputs: readonly Spec[];
  readonly attrs: AttentionAttrs;
}

/** Launches that turn q and k, or their gradients, apart from attention itself, through scratch buffers. */
export interface Turned {
  readonly launches: readonly Launch[];
  readonly scratch: readonly Spec[];
}

/** What is turned: one tensor where q and k are packed, since keys follow queries there as further heads. */
function tensorsOf({ g, attrs }: Call): { slot: number; heads: number; stride: number }[] {
  if (attrs.packed) return [{ slot: g.q, heads: 2 * g.heads, stride: g.qStride }];
  return [
    { slot: g.q, heads: g.heads, stride: g.qStride },
    { slot: g.k, heads: g.kvHeads, stride: g.kvStride },
  ];
}

/**
 * Turns q and k into scratch buffers that are laid out as they are.
 *
 * @param first slot of the scratch buffers
 * @returns the launches, and the same call without a rotation
 */
export function turnAhead(call: Call, first: number, limits: Limits): Turned & { readonly call: Call } {
  const tensors = tensorsOf(call);
  return {
    launches: tensors.map((tensor, i) =>
      turnLaunch(call, { ...tensor, to: first + i, inverse: false }, limits)
    ),
    scratch: tensors.map(({ slot }) => f32(...call.inputs[slot].shape)),
    call: {
      ...call,
      g: { ...call.g, q: first, k: first + tensors.length - 1 },
      attrs: { ...call.attrs, block: 0 },
    },
  };
}

/**
 * Turns the gradients of what was turned back, out of scratch buffers.
 *
 * @param first slot of the scratch buffers
 * @param gradients slots of the gradients of q, k and v, or of all three packed
 * @returns the launches, and the slots that gradients of turned q and k, and of v, go to before
 */
export function turnBack(
  call: Call,
  first: number,
  gradients: readonly number[],
  limits: Limits,
): Turned & { readonly gradients: readonly number[] } {
  const tensors = tensorsOf(call);
  return {
    launches: tensors.map((tensor, i) =>
      turnLaunch(call, { ...tensor, slot: first + i, to: gradients[i], inverse: true }, limits)
    ),
    scratch: tensors.map(({ slot }) => f32(...call.inputs[slot].shape)),
    gradients: [first, first + tensors.length - 1, gradients[gradients.length - 1]],
  };
}

interface Turning {
  readonly slot: number;
  readonly to: number;
  readonly heads: number;
  readonly stride: number;
  readonly inverse: boolean;
}

function turnLaunch(
  { g, attrs }: Call,
  { slot, to, heads, stride, inverse }: Turning,
  limits: Limits,
): Launch {
  const width = g.headDim / 4;
  const total = g.batch * g.tokens * width;
  return {
    source: wgslHeader({ WIDTH: width }) + partnersSource + rotateSource,
    overrides: {
      ...{ workgroup_size: WORKGROUP, total, tokens: g.tokens, heads, stride: stride / 4 },
      ...{ partner_distance: attrs.block / 2, inverse: Number(inverse) },
    },
    bindings: [slot, g.table, to],
    groups: gridOf(Math.ceil(total / WORKGROUP), limits),
  };
}
