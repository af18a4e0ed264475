import type { Limits } from "../../kernel.ts";
import type { AdapterReport, WebGpuOptions } from "./adapter.ts";

/** Limits that a backend keeps to: those that kernels plan by, and the largest buffer. */
export interface BackendLimits extends Limits {
  /** Bytes of one GPUBuffer. */
  readonly maxBufferSize: number;
}

/** The device's limits, or the smaller ones that were asked for, and the kind of its adapter. */
export function limitsOf(
  { limits }: GPUDevice,
  { software }: AdapterReport,
  { limits: wanted = {}, variants = software ? "software" : "hardware" }: WebGpuOptions,
): BackendLimits {
  const least = (name: Exclude<keyof BackendLimits, "software">) =>
    Math.min(limits[name], wanted[name] ?? Infinity);
  return {
    maxComputeWorkgroupsPerDimension: least("maxComputeWorkgroupsPerDimension"),
    maxComputeInvocationsPerWorkgroup: least("maxComputeInvocationsPerWorkgroup"),
    maxComputeWorkgroupStorageSize: least("maxComputeWorkgroupStorageSize"),
    maxStorageBufferBindingSize: least("maxStorageBufferBindingSize"),
    maxStorageBuffersPerShaderStage: least("maxStorageBuffersPerShaderStage"),
    maxBufferSize: least("maxBufferSize"),
    software: variants === "software",
  };
}

/** The most bytes of a storage buffer, and the limit that says so. */
export function largestStorageBuffer(
  { maxBufferSize, maxStorageBufferBindingSize }: BackendLimits,
): { maxBytes: number; maxBytesName: string } {
  return maxStorageBufferBindingSize <= maxBufferSize
    ? { maxBytes: maxStorageBufferBindingSize, maxBytesName: "maxStorageBufferBindingSize" }
    : { maxBytes: maxBufferSize, maxBytesName: "maxBufferSize" };
}
