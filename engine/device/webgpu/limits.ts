import type { BackendLimits } from "../backend.ts";
import { type AdapterReport, SUBGROUPS, type WebGpuOptions } from "./adapter.ts";

/** The device's limits, or the smaller ones that were asked for, and the kind of its adapter. */
export function limitsOf(
  { limits, features }: GPUDevice,
  { software, subgroup }: AdapterReport,
  { limits: wanted = {}, variants = software ? "software" : "hardware" }: WebGpuOptions,
): BackendLimits {
  const least = (name: Exclude<keyof BackendLimits, "software" | "subgroup">) =>
    Math.min(limits[name], wanted[name] ?? Infinity);
  return {
    maxComputeWorkgroupsPerDimension: least("maxComputeWorkgroupsPerDimension"),
    maxComputeInvocationsPerWorkgroup: least("maxComputeInvocationsPerWorkgroup"),
    maxComputeWorkgroupStorageSize: least("maxComputeWorkgroupStorageSize"),
    maxStorageBufferBindingSize: least("maxStorageBufferBindingSize"),
    maxStorageBuffersPerShaderStage: least("maxStorageBuffersPerShaderStage"),
    maxBufferSize: least("maxBufferSize"),
    software: variants === "software",
    ...(features.has(SUBGROUPS) ? { subgroup } : {}),
  };
}
