import { f32 } from "../engine/core/spec.ts";
import { ELEMENTWISE } from "../kernels/elementwise/mod.ts";
import { LAYERNORM } from "../kernels/layernorm/kernel.ts";
import { SOFTMAX } from "../kernels/softmax/mod.ts";
import { DSMOE_NANO, DSMOE_S_E16 } from "../models/dsmoe/presets.ts";
import { type TrainConfig, trainConfigOf } from "../train/config.ts";
import type { Contender, Job } from "./contender.ts";
import { DenseStack, denseStackValues } from "./dense_stack.ts";
import { adamwJob, attentionJob, kernelJob, moeJob, productJob, stepJob } from "./jobs.ts";
import type { HeadSizes, Peer, ProductSizes, RowWork } from "./peers/peer.ts";

/** One piece of work: for this engine, and for the peers that can do it. */
export interface Entry {
  readonly job: Job;
  /** Where the time of one element is what counts: their number. */
  readonly elements?: number;
  /** The same work for another engine. */
  readonly peer?: (peer: Peer) => Contender;
}

/** A table of the report. */
export interface Group {
  /** As in `gemm`; what `--groups` takes. */
  readonly name: string;
  /** Heading. */
  readonly title: string;
  /** Built when the group is run. */
  readonly entries: () => readonly Entry[];
}

/** Products of the models: rows, columns, length of the sums. */
const PRODUCTS: readonly (readonly [m: number, n: number, k: number])[] = [
  [1024, 384, 384],
  [1024, 1152, 384],
  [1024, 384, 1536],
  [2048, 1536, 384],
  [2048, 768, 768],
  [2048, 768, 1536],
  [2048, 1536, 768],
  [2048, 1152, 1152],
];
/** Products that a small GPU is busy with and a software adapter still ends. */
const SQUARES = [512, 768, 1024].map((size) => [size, size, size] as const);
const SIZES = [384, 768, 1152, 1536];
const LAYOUTS = [[false, false], [false, true], [true, false]] as const;

function products(sizes: readonly (readonly [number, number, number])[]): Entry[] {
  return sizes.flatMap(([m, n, k]) =>
    LAYOUTS.map(([transA, transB]): Entry => {
      const product: ProductSizes = { m, n, k, transA, transB };
      return { job: productJob(product), peer: (peer) => peer.product(product) };
    })
  );
}

/** All of M in {1024, 2048}, N and K in {384, 768, 1152, 1536}. */
function productGrid(): Entry[] {
  const grid = [1024, 2048].flatMap((m) => SIZES.flatMap((n) => SIZES.map((k) => [m, n, k] as const)));
  return products(grid);
}

/** Widths of the models; `f32[128, 1024]` and `f32[512, 256]` stay in a second-level cache. */
const ROWS: readonly (readonly [rows: number, width: number])[] = [[128, 1024], [512, 256], [2048, 384]];

function rowEntries(): Entry[] {
  const kernels = {
    exp: ELEMENTWISE.exp,
    silu: ELEMENTWISE.silu,
    swiglu: ELEMENTWISE.swiglu,
    layernorm: LAYERNORM,
    softmax: SOFTMAX,
  } satisfies Record<RowWork, unknown>;
  const entries = (Object.keys(kernels) as RowWork[]).flatMap((work) =>
    ROWS.map(([rows, width]): Entry => {
      const x = f32(rows, width);
      const inputs = work === "swiglu" ? [x, x] : [x];
      const attrs = work === "layernorm" ? { eps: 1e-6, affine: false } : {};
      return {
        job: kernelJob(`${work} ${rows}x${width}`, kernels[work], inputs, attrs),
        elements: rows * width,
        peer: (peer) => peer.rows(work, rows, width),
      };
    })
  );
  const updates = [2 ** 15, 2 ** 22].map((size): Entry => ({ job: adamwJob(size), elements: size }));
  return [...entries, ...updates];
}

/** Small, S at batch 8, a head size of 72, and one long sequence. */
const HEADS: readonly HeadSizes[] = [
  { batch: 32, tokens: 64, heads: 4, headDim: 32 },
  { batch: 8, tokens: 256, heads: 6, headDim: 64 },
  { batch: 2, tokens: 256, heads: 16, headDim: 72 },
  { batch: 1, tokens: 1024, heads: 6, headDim: 64 },
];

function attentionEntries(): Entry[] {
  return HEADS.flatMap((sizes): Entry[] => [
    { job: attentionJob(sizes, false), peer: (peer) => peer.attention(sizes) },
    { job: attentionJob(sizes, true) },
  ]);
}

function moeEntries(): Entry[] {
  return [
    { job: moeJob("small: 2,048 tokens, 8 experts of 128", 2048, 128, DSMOE_NANO.moe) },
    { job: moeJob("S-E16: 512 tokens, 16 experts of 768", 512, 384, DSMOE_S_E16.moe) },
  ];
}

/** DSMoE small: the nano network on latents of 4 channels that are cut into 64 tokens, without the balance rule. */
export function smallConfig(): TrainConfig {
  const { model, moe } = DSMOE_S_E16;
  const { optim, train, data } = trainConfigOf("dsmoe-s-e16");
  return {
    family: "dsmoe",
    model: { ...model, input_size: 16, hidden_size: 128, depth: 4, num_heads: 4 },
    moe: { ...moe, num_experts: 8, moe_intermediate_size: 128 },
    optim,
    train: { ...train, batch_size: 32 },
    data,
  };
}

function stepEntries(): Entry[] {
  const large = trainConfigOf("dsmoe-s-e16");
  const nano = trainConfigOf("dsmoe-nano");
  return [
    { job: stepJob(`dsmoe-nano, batch ${nano.train.batch_size}`, nano) },
    { job: stepJob("dsmoe small, batch 32", smallConfig()) },
    {
      job: stepJob("dsmoe-s-e16, batch 2", { ...large, train: { ...large.train, batch_size: 2 } }),
    },
  ];
}

function denseEntries(): Entry[] {
  const job: Job = {
    name: "dense stack",
    open(device) {
      const stack = new DenseStack(device);
      return () => stack.step();
    },
  };
  return [{ job, peer: (peer) => peer.denseStack(denseStackValues(), []) }];
}

/** Tables of the webgpu device, in the order of the report. */
export const GPU_GROUPS: readonly Group[] = [
  { name: "gemm", title: "Matrix products (MxNxK)", entries: () => products(SQUARES) },
  { name: "attention", title: "Attention (BxNxHxD)", entries: attentionEntries },
  { name: "dense", title: "Step of the dense DiT stack", entries: denseEntries },
  { name: "steps", title: "Training step", entries: () => stepEntries().slice(0, 1) },
];

/** Every table of the cpu device, in the order of the report. */
export const GROUPS: readonly Group[] = [
  { name: "gemm", title: "Matrix products (MxNxK)", entries: () => products(PRODUCTS) },
  { name: "gemm-grid", title: "Matrix products, all sizes (MxNxK)", entries: productGrid },
  { name: "rows", title: "Element-wise and row kernels", entries: rowEntries },
  { name: "attention", title: "Attention (BxNxHxD)", entries: attentionEntries },
  { name: "moe", title: "MoE layers, forward and backward", entries: moeEntries },
  { name: "dense", title: "Step of the dense DiT stack", entries: denseEntries },
  { name: "steps", title: "Whole training steps", entries: stepEntries },
];
