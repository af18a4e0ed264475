/**
 * How far a result may be from the reference implementation's. `strict` is for f32 arithmetic on the CPU, `relaxed`
 * for GPUs with approximate transcendentals and other summation orders. The figures are those that came with the
 * golden files; each is several times the reference's own distance from an f64 run of itself.
 *
 * @module
 */
import type { DeviceKind } from "../../engine/device/backend.ts";

/** A column of the table. */
export type ToleranceName = "strict" | "relaxed";

/** A row of the table. */
export type Quantity =
  /** Rotary and sin-cos tables, rotated queries and keys, their gradients. */
  | "table"
  /** Routing weights, and the gradient of the router's logits. */
  | "router"
  /** Outputs of layers and models, and tensors in between. */
  | "output"
  /** Losses and gradient norms. */
  | "loss"
  /** All gradients of a file as one vector. */
  | "gradients"
  /** One gradient whose norm is at least `SMALL_GRADIENT` of the global norm. */
  | "gradient"
  /** A smaller one: absolute error over the global norm. */
  | "smallGradient"
  /** What training changed, all tensors as one vector. */
  | "changes"
  /** What training changed in one tensor. */
  | "change"
  | "finalValue"
  | "emaValue"
  /** What training changed in the average, all tensors as one vector. */
  | "emaChanges"
  | "sampler"
  | "fid"
  /** The distance itself, which is 0 for equal sets. */
  | "fidOfEqualSets"
  | "inceptionScore"
  /** Outputs of an autoencoder, and tensors in between. */
  | "autoencoder"
  /** The worst element of a latent distribution. */
  | "latentElement"
  | "resizedImage"
  /** Stages of Inception, spatial features, means of early stages. */
  | "inceptionStage"
  /** Pool features and logits. */
  | "inceptionFeatures"
  | "inceptionSoftmax"
  /** An error as a share of what the mildest of known mistakes changes. */
  | "mistake";

/** Tolerances by quantity: relative L2 errors, except for `smallGradient`, `latentElement` and `mistake`. */
export const TOLERANCES: Readonly<Record<Quantity, Readonly<Record<ToleranceName, number>>>> = {
  table: { strict: 1e-6, relaxed: 1e-5 },
  router: { strict: 2e-6, relaxed: 2e-5 },
  output: { strict: 5e-6, relaxed: 1e-4 },
  loss: { strict: 5e-6, relaxed: 1e-4 },
  gradients: { strict: 1e-5, relaxed: 2e-4 },
  gradient: { strict: 5e-5, relaxed: 1e-3 },
  smallGradient: { strict: 2e-7, relaxed: 2e-6 },
  changes: { strict: 1e-3, relaxed: 1e-2 },
  change: { strict: 5e-3, relaxed: 5e-2 },
  finalValue: { strict: 2e-5, relaxed: 2e-4 },
  emaValue: { strict: 1e-5, relaxed: 1e-4 },
  emaChanges: { strict: 2e-3, relaxed: 1e-2 },
  sampler: { strict: 1e-5, relaxed: 2e-4 },
  fid: { strict: 1e-5, relaxed: 1e-4 },
  fidOfEqualSets: { strict: 1e-6, relaxed: 1e-6 },
  inceptionScore: { strict: 1e-6, relaxed: 1e-5 },
  autoencoder: { strict: 1e-5, relaxed: 1e-4 },
  latentElement: { strict: 1e-6, relaxed: 1e-5 },
  resizedImage: { strict: 2e-5, relaxed: 1e-4 },
  inceptionStage: { strict: 3e-5, relaxed: 2e-4 },
  inceptionFeatures: { strict: 1e-5, relaxed: 1e-4 },
  inceptionSoftmax: { strict: 2e-5, relaxed: 3e-4 },
  mistake: { strict: 0.1, relaxed: 0.5 },
};

/** Share of the global gradient norm below which a single gradient is compared absolutely. */
export const SMALL_GRADIENT = 1e-3;

/** Largest decay at which five steps move an average by more than f32 can lose. */
export const LARGEST_COMPARABLE_DECAY = 0.99;

/** The column for a device. */
export function toleranceFor(kind: DeviceKind): ToleranceName {
  return kind === "webgpu" ? "relaxed" : "strict";
}
