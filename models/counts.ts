import { createModel, type ModelConfig } from "./create.ts";

/** Numbers of parameters; buffers do not count, frozen parameters do. */
export interface ParameterCounts {
  /** All that are trained or frozen. */
  readonly total: number;
  /** What the optimizer updates. */
  readonly trainable: number;
  /** What one token passes through: all but the routed experts that it does not choose. */
  readonly activated: number;
}

/** Floating-point operations of matrix products, two for each multiply-add. */
export interface ForwardFlops {
  /** Linear layers outside the routed experts, the shared expert and the router included. */
  readonly linear: number;
  /** Routed experts, for the tokens that they are given and no padding. */
  readonly experts: number;
  /** Scores and weighted sums of attention. */
  readonly attention: number;
  /** The sum of all three. */
  readonly total: number;
}

/** Counts parameters from the declared shapes; takes no memory. */
export function countParameters(config: ModelConfig): ParameterCounts {
  const { params } = createModel(config);
  const idle = "moe" in config
    ? params.all.reduce((sum, { size, options: { experts } }) => {
      return experts === undefined ? sum : sum + size / experts * (experts - expertsOfToken(config.moe));
    }, 0)
    : 0;
  return {
    total: params.count,
    trainable: params.trainable.reduce((sum, { size }) => sum + size, 0),
    activated: params.count - idle,
  };
}

/** Experts that a token passes through: a number of the configuration, or an average where experts choose tokens. */
function expertsOfToken(moe: Extract<ModelConfig, { readonly moe: unknown }>["moe"]): number {
  return "capacity" in moe ? moe.capacity : moe.num_experts_per_tok;
}
