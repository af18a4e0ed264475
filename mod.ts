/**
 * Tessera trains and samples diffusion transformers with mixtures of experts, on WebGPU or on the CPU.
 *
 * This module re-exports the five others. One forward pass:
 *
 * ```ts
 * import { Dsmoe, DSMOE_NANO, openDevice } from "@tessera/tessera";
 *
 * using device = await openDevice("cpu");
 * const model = new Dsmoe(DSMOE_NANO);
 * model.params.allocate(device);
 * model.params.initialize(0);
 *
 * const noise = device.tensor([1, 3, 32, 32], new Float32Array(3 * 32 * 32));
 * const time = device.tensor([1], Float32Array.of(0));
 * const label = device.tensor([1], Int32Array.of(4));
 * const { out, routings } = model.forward(noise, time, label);
 * console.log(`${out}, ${routings.length} layers of experts`); // f32[1, 6, 32, 32], 2 layers of experts
 * ```
 *
 * @module
 */
export * from "./engine/mod.ts";
export * from "./kernels/mod.ts";
export * from "./models/mod.ts";
export * from "./train/mod.ts";
export * from "./eval/mod.ts";
export type { Routing } from "./models/mod.ts";
