/**
 * Prints how many launches a training step of DSMoE-S-E16 takes and how many bytes it moves, beside the bytes that no
 * implementation can avoid: `deno run docs/bench/step_cost.ts`. The tables of `webgpu.md` are its output.
 *
 * Unavoidable is that every activation, and every gradient of one, is written once and read once by each that needs it:
 * matrix products, attention, norms, sums over tokens, the dispatch to experts. Whatever is element-wise happens for
 * free where an operand is made or read, residual sums and gates included; what the backward pass needs is kept, and
 * nothing is computed twice. The two gradients of a product count as one reader of what comes back. A weight is read
 * once going forward and once going backward, its gradient written once; AdamW reads parameter, two moments, average
 * and gradient and writes the first four; the norm reads the gradient. Rows of experts are counted without padding.
 *
 * @module
 */
import { BYTES_PER_ELEMENT } from "../../engine/core/dtype.ts";
import { Device } from "../../engine/device/device.ts";
import { DEFAULT_LIMITS, NullBackend } from "../../engine/device/null_backend.ts";
import type { Limits } from "../../engine/kernel.ts";
import type { ParamStore } from "../../engine/params/param_store.ts";
import type { Program } from "../../engine/program/program.ts";
import { type DsmoeConfig, isMoeBlock } from "../../models/dsmoe/config.ts";
import { createModel } from "../../models/mod.ts";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import { TrainStep } from "../../train/step.ts";

/** Parts of a step, in the order of the tables. */
const SHARES = [
  "dense blocks, forward",
  "dense blocks, backward",
  "MoE blocks, forward",
  "MoE blocks, backward",
  "optimizer",
  "everything else",
] as const;

/** A part of a step. */
type Share = typeof SHARES[number];

/** Elements moved by a forward and a backward pass. */
interface Passes {
  readonly forward: number;
  readonly backward: number;
}

/** Numbers of elements, for a whole batch. */
interface Sizes {
  /** One token stream, `[B, T, D]`. */
  readonly stream: number;
  /** Hidden channels of the dense layer, `[B, T, F]`. */
  readonly dense: number;
  /** Rows of the experts, `[B * T * K, D]`. */
  readonly rows: number;
  /** Hidden channels of the experts, `[B * T * K, I]`. */
  readonly hidden: number;
  /** Hidden channels of the shared expert, `[B, T, I]`. */
  readonly shared: number;
  /** One adaLN vector, `[B, D]`. */
  readonly vector: number;
}

function sizesOf({ model, moe }: DsmoeConfig, batch: number): Sizes {
  const { hidden_size: width, input_size, patch_size, mlp_ratio } = model;
  const tokens = batch * (input_size / patch_size) ** 2;
  const { moe_intermediate_size: inner, num_experts_per_tok: topk } = moe;
  return {
    stream: tokens * width,
    dense: tokens * Math.trunc(width * mlp_ratio),
    rows: tokens * topk * width,
    hidden: tokens * topk * inner,
    shared: tokens * inner,
    vector: batch * width,
  };
}

/** Norm, qkv, attention, projection with gate and residual; the adaLN vectors of the block. */
function attentionHalf({ stream, vector }: Sizes): Passes {
  const norm = 2, qkv = 1 + 3, attention = 3 + 1, projection = 1 + 1 + 2;
  const gateBack = 3, projectionBack = 3, attentionBack = 3 + 2 + 3, qkvBack = 3 + 1 + 1, normBack = 4;
  return {
    forward: (norm + qkv + attention + projection) * stream + (7 + 6) * vector,
    backward: (gateBack + projectionBack + attentionBack + qkvBack + normBack) * stream + (10 + 8) * vector,
  };
}

/** Norm, fc1 with its activation kept on both sides, fc2 with gate and residual. */
function denseHalf({ stream, dense }: Sizes): Passes {
  const norm = 2 * stream, fc1 = stream + 2 * dense, fc2 = dense + 3 * stream;
  const gateBack = 3 * stream,
    fc2Back = stream + 3 * dense,
    fc1Back = dense + 2 * stream,
    normBack = 4 * stream;
  return { forward: norm + fc1 + fc2, backward: gateBack + fc2Back + fc1Back + normBack };
}

/** Norm, router, gated experts on gathered rows, the shared expert; their sum with gate and residual. */
function moeHalf({ stream, rows, hidden, shared }: Sizes): Passes {
  const norm = 2 * stream, router = stream, up = rows + 3 * hidden, down = hidden + rows;
  const sharedUp = stream + 3 * shared, sharedDown = shared + stream, sum = rows + 4 * stream;
  const gateBack = 3 * stream, sharedDownBack = stream + 5 * shared, sharedUpBack = 2 * shared + 2 * stream;
  // The rows come back to the experts and, to the weights of the combination, against what the experts made.
  const downBack = 2 * rows + 5 * hidden, upBack = 2 * hidden + 2 * rows;
  const tokensBack = rows + 2 * stream, routerBack = stream, normBack = 4 * stream;
  return {
    forward: norm + router + up + down + sharedUp + sharedDown + sum,
    backward: gateBack + sharedDownBack + sharedUpBack + downBack + upBack + tokensBack + routerBack +
      normBack,
  };
}

/** Unavoidable bytes of each part but "everything else". */
function unavoidableBytes(config: DsmoeConfig, params: ParamStore, batch: number): Map<Share, number> {
  const sizes = sizesOf(config, batch);
  const result = new Map<Share, number>(SHARES.map((share) => [share, 0]));
  const add = (share: Share, elements: number) =>
    result.set(share, result.get(share)! + BYTES_PER_ELEMENT * elements);
  for (let i = 0; i < config.model.depth; i++) {
    const isMoe = isMoeBlock(config.moe, i);
    const weights = params.trainable.filter(({ name }) => name.startsWith(`blocks.${i}.`))
      .reduce((sum, { size }) => sum + size, 0);
    const [attention, rest] = [attentionHalf(sizes), isMoe ? moeHalf(sizes) : denseHalf(sizes)];
    const kind = isMoe ? "MoE" : "dense";
    add(`${kind} blocks, forward`, attention.forward + rest.forward + weights);
    add(`${kind} blocks, backward`, attention.backward + rest.backward + 2 * weights);
  }
  const trained = params.trainable.reduce((sum, { size }) => sum + size, 0);
  return result.set("optimizer", BYTES_PER_ELEMENT * 10 * trained);
}

const PRESET = "dsmoe-s-e16";

/** An adapter that binds tensors of any size, as most graphics cards do up to 2 or 4 GiB. */
const LARGE_BINDINGS: Limits = { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 2 ** 32 - 4 };

/** A part of a step: its launches, and the bytes that its kernels move. */
interface Part {
  launches: number;
  bytes: number;
}

/** A recorded step by kernels and by shares. */
interface Measured {
  readonly launches: number;
  readonly kernels: ReadonlyMap<string, Part>;
  readonly shares: ReadonlyMap<Share, Part>;
  readonly unavoidable: ReadonlyMap<Share, number>;
}

function shareOf(path: string, pass: string, config: DsmoeConfig): Share {
  const [, index] = path.match(/^blocks\.(\d+)/) ?? [];
  if (index === undefined) return path === "optimizer" ? "optimizer" : "everything else";
  const kind = isMoeBlock(config.moe, Number(index)) ? "MoE" : "dense";
  return `${kind} blocks, ${pass === "forward" ? "forward" : "backward"}` as Share;
}

function measure(program: Program, params: ParamStore, config: TrainConfig): Measured {
  const dsmoe = config as unknown as DsmoeConfig;
  const kernels = new Map<string, Part>();
  const shares = new Map<Share, Part>(SHARES.map((share) => [share, { launches: 0, bytes: 0 }]));
  const add = (part: Part, launches: number, bytes: number) => {
    part.launches += launches;
    part.bytes += bytes;
  };
  program.calls.forEach(({ kernel, inputs, attrs, path, pass }, i) => {
    const { bytesRead, bytesWritten } = kernel.cost(inputs.map(({ spec }) => spec), attrs);
    const { launches } = program.bound[i];
    if (!kernels.has(kernel.name)) kernels.set(kernel.name, { launches: 0, bytes: 0 });
    add(kernels.get(kernel.name)!, launches, bytesRead + bytesWritten);
    add(shares.get(shareOf(path, pass, dsmoe))!, launches, bytesRead + bytesWritten);
  });
  const rest = shares.get("everything else")!.bytes;
  const unavoidable = unavoidableBytes(dsmoe, params, config.train.batch_size).set("everything else", rest);
  return { launches: program.launches, kernels, shares, unavoidable };
}

async function stepOf(batch: number, limits: Limits): Promise<Measured> {
  using device = new Device(new NullBackend({ limits }));
  const preset = trainConfigOf(PRESET);
  const config: TrainConfig = { ...preset, train: { ...preset.train, batch_size: batch } };
  const model = createModel(config);
  model.params.allocate(device);
  const step = new TrainStep(device, model, config, config.train.log_every);
  using program = await device.record("train step", () => step.body());
  return measure(program, model.params, config);
}

/** Rows as a table in the form that `deno fmt` gives it; the first column is text, the others are numbers. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const padded = rows.map((row) =>
    line(row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
  );
  const rule = line(widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [padded[0], rule, ...padded.slice(1)].join("\n");
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);

function bytesTable({ shares, unavoidable }: Measured): string {
  const row = (name: string, { launches, bytes }: Part, least: number) => [
    name,
    String(launches),
    gigabytes(bytes),
    gigabytes(least),
    (bytes / least).toFixed(2),
  ];
  const total = { launches: 0, bytes: 0 };
  for (const { launches, bytes } of shares.values()) {
    total.launches += launches;
    total.bytes += bytes;
  }
  const least = [...unavoidable.values()].reduce((sum, bytes) => sum + bytes, 0);
  return table([
    ["part of the step", "launches", "GB moved", "GB unavoidable", "ratio"],
    ...SHARES.map((share) => row(share, shares.get(share)!, unavoidable.get(share)!)),
    row("all", total, least),
  ]);
}

function kernelTable({ kernels }: Measured): string {
  const largest = [...kernels].sort(([, a], [, b]) => b.launches - a.launches || b.bytes - a.bytes);
  const shown = largest.filter(([, { launches }]) => launches >= 4);
  const rest = largest.slice(shown.length).map(([, part]) => part);
  const sum = (key: keyof Part) => rest.reduce((total, part) => total + part[key], 0);
  return table([
    ["kernel", "launches", "GB moved"],
    ...shown.map(([name, { launches, bytes }]) => [name, String(launches), gigabytes(bytes)]),
    [`${rest.length} others`, String(sum("launches")), gigabytes(sum("bytes"))],
  ]);
}

/** The tables of `webgpu.md`: bytes and launches at batch 32 on any adapter, and at batch 512 with large bindings. */
export async function stepCostTables(): Promise<string[]> {
  const [small, large] = [await stepOf(32, DEFAULT_LIMITS), await stepOf(512, LARGE_BINDINGS)];
  return [bytesTable(small), kernelTable(small), bytesTable(large)];
}

if (import.meta.main) {
  const text = `${(await stepCostTables()).join("\n\n")}\n`;
  await Deno.stdout.write(new TextEncoder().encode(text));
}
