import { DeviceError } from "../../core/errors.ts";
import { oneLine } from "./failures.ts";
import { openGpu, providerOf } from "./provider.ts";

/** What `doctor` prints and `auto` decides by: one WebGPU adapter, before any device is made of it. */
export interface AdapterReport {
  /** The driver's name of the adapter, such as `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** Maker of the adapter, or its PCI number where the name is not known. */
  readonly vendor: string;
  /** Who implements WebGPU: `Deno` or `Dawn`. */
  readonly provider: string;
  /** Whether the adapter computes on the CPU (llvmpipe, SwiftShader, WARP). */
  readonly software: boolean;
  /** Lanes of a subgroup; undefined where they differ between kernels or are not told. */
  readonly subgroup?: number;
  /** Limits of the adapter that matter to compute, in the units of the WebGPU specification. */
  readonly limits: Readonly<Record<string, number>>;
  /** Names of WebGPU features on offer. */
  readonly features: readonly string[];
}

/** How to choose an adapter. */
export interface WebGpuOptions {
  /** Whether a software adapter will do; true unless told, since only `auto` refuses one. */
  readonly allowSoftware?: boolean;
  /** Who implements WebGPU: `deno` (the default), `dawn`, or `dawn:NAME` for one of several adapters. */
  readonly gpu?: string;
  /** Forms of the kernels: those that suit the adapter unless told, which tests of the other forms do. */
  readonly variants?: "hardware" | "software";
  /** Limits to keep to where the adapter has larger ones, to see what a smaller adapter would do. */
  readonly limits?: Partial<Readonly<Record<(typeof COMPUTE_LIMITS)[number], number>>>;
}

/** A device with everything that its adapter offers, and the report of that adapter. */
export interface OpenedDevice {
  readonly gpu: GPUDevice;
  readonly report: AdapterReport;
}

const COMPUTE_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

const WANTED_FEATURES: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query"];

/** The feature by which lanes of a subgroup read each other's registers. */
export const SUBGROUPS: GPUFeatureName = "subgroups";

/** PCI vendor numbers, which Deno reports in place of names. Source: pci-ids.ucw.cz; 0x10005 is Khronos' id of Mesa. */
const VENDORS: Readonly<Record<number, string>> = {
  0x1002: "AMD",
  0x106b: "Apple",
  0x10de: "NVIDIA",
  0x13b5: "Arm",
  0x1414: "Microsoft",
  0x5143: "Qualcomm",
  0x8086: "Intel",
  0x10005: "Mesa",
};

const SOFTWARE_NAMES = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

/**
 * Describes the adapter that `WebGpuBackend.create()` would use; undefined where there is none.
 *
 * @param gpu as in `WebGpuOptions`
 * @throws {DeviceError} when Dawn is asked for and cannot be had, or has no adapter of that name
 */
export async function probeAdapter(gpu?: string): Promise<AdapterReport | undefined> {
  const adapter = await requestAdapter(gpu);
  return adapter && reportOf(adapter, gpu);
}

/**
 * Opens the fastest adapter with all its compute limits, and with 16-bit floats and timestamps where offered.
 *
 * @throws {DeviceError} when there is no adapter, only a refused software one, or the driver refuses a device
 */
export async function openDevice(options: WebGpuOptions): Promise<OpenedDevice> {
  const adapter = await requestAdapter(options.gpu);
  if (!adapter) {
    throw new DeviceError(
      "Cannot open a WebGPU device: no adapter was found, install a GPU driver or the software adapter " +
        "(Debian: apt-get install mesa-vulkan-drivers libvulkan1)",
    );
  }
  const report = reportOf(adapter, options.gpu);
  if (report.software && options.allowSoftware === false) {
    throw new DeviceError(
      `Cannot open a WebGPU device: a hardware adapter is wanted, got the software adapter ${report.name}`,
    );
  }
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const request = (features: GPUFeatureName[]) =>
    adapter.requestDevice({ requiredLimits: { ...report.limits }, requiredFeatures: features });
  try {
    // Deno has subgroups that the adapter's features do not list.
    const gpu = await request([...requiredFeatures, SUBGROUPS]).catch(() => request(requiredFeatures));
    return { gpu, report };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DeviceError(`Cannot open a WebGPU device on ${report.name}: ${reason}`, { cause: error });
  }
}

async function requestAdapter(name?: string): Promise<GPUAdapter | undefined> {
  const gpu = await openGpu(name);
  try {
    return await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
  } catch (error) {
    // Dawn lists the adapters there are. In Deno a broken driver is as good as none.
    if (!name?.includes(":")) return undefined;
    throw new DeviceError(`Cannot use --gpu ${name}: ${oneLine((error as Error).message)}`, { cause: error });
  }
}

function reportOf(adapter: GPUAdapter, gpu: string | undefined): AdapterReport {
  const { info, limits } = adapter;
  const name = info.description || info.device || "unnamed adapter";
  return {
    name,
    vendor: VENDORS[Number(info.vendor)] ?? info.vendor,
    provider: providerOf(gpu),
    software: info.isFallbackAdapter || SOFTWARE_NAMES.test(name),
    ...(info.subgroupMinSize === info.subgroupMaxSize ? { subgroup: info.subgroupMinSize } : {}),
    limits: Object.fromEntries(COMPUTE_LIMITS.map((limit) => [limit, limits[limit]])),
    features: [...adapter.features],
  };
}
