/**
 * The kernel contract: everything a newcomer must learn to add an operation.
 *
 * A kernel is a value, not a class to inherit from. `infer`, `cost`, `webgpu` and `cpu` are pure functions of
 * specs, so a step can be costed before it runs and tested with no device.
 *
 * @module
 */
import type { HostArray } from "./core/dtype.ts";
import { byteLength, type Spec } from "./core/spec.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor on the `reference` device: `f32` elements are held and computed in f64. */
export interface View {
  /** Shape and element type. */
  readonly spec: Spec;
  /** Elements in row-major order. */
  readonly data: Float64Array | Int32Array | Uint32Array;
}

/** Work of one call: floating-point operations, and bytes moved if every operand crosses memory once. */
export interface Cost {
  /** Floating-point operations; a fused multiply-add is two. */
  readonly flops: number;
  /** Bytes read. */
  readonly bytesRead: number;
  /** Bytes written. */
  readonly bytesWritten: number;
}

/** Limits of a WebGPU adapter that shape a launch, and its kind. */
export interface Limits {
  /** Workgroups along x, y or z of a dispatch. */
  readonly maxComputeWorkgroupsPerDimension: number;
  /** Threads of a workgroup. */
  readonly maxComputeInvocationsPerWorkgroup: number;
  /** Bytes of workgroup memory. */
  readonly maxComputeWorkgroupStorageSize: number;
  /** Bytes of one bound buffer. */
  readonly maxStorageBufferBindingSize: number;
  /** Buffers bound to one dispatch. */
  readonly maxStorageBuffersPerShaderStage: number;
  /** Whether the adapter computes on the CPU, which suits other forms of a kernel; hardware unless told. */
  readonly software?: boolean;
  /** Lanes of every subgroup, where these can read each other's registers and are as many in all kernels. */
  readonly subgroup?: number;
}

/**
 * Buffers of a call are numbered: inputs first, then outputs, then scratch. A launch lists the slots that it
 * binds, in the order of its `@binding` numbers (WebGPU) or of its argument block (CPU).
 */
export type Slot = number;

/**
 * Some bytes of a slot's buffer. What one binding holds is limited, and may be less than a buffer: a kernel then works
 * on a part at a time; see `bindingRanges`.
 */
export interface SlotRange {
  /** The buffer. */
  readonly slot: Slot;
  /** First byte, a multiple of 256. */
  readonly offset: number;
  /** Number of bytes. */
  readonly size: number;
}

/** A slot, or a part of it. */
export type Binding = Slot | SlotRange;

/** The slot of a binding. */
export function slotOf(binding: Binding): Slot {
  return typeof binding === "number" ? binding : binding.slot;
}

/** One WebGPU dispatch. */
export interface Launch {
  /** WGSL. */
  readonly source: string;
  /** Name of the compute entry point; `main` unless told. */
  readonly entryPoint?: string;
  /** Values of `override` constants. */
  readonly overrides?: Readonly<Record<string, number>>;
  /** Slots in the order of their `@binding` numbers. */
  readonly bindings: readonly Binding[];
  /** Workgroups along x, y, z. See `gridOf` for more than 65,535. */
  readonly groups: readonly [number, number, number];
}

/** What a kernel does on WebGPU: dispatches in order, and the scratch buffers between them. */
export interface WebGpuPlan {
  /** Dispatches, in order. */
  readonly launches: readonly Launch[];
  /** Buffers that later launches read from earlier ones. */
  readonly scratch?: readonly Spec[];
}

/**
 * One call into WASM: the exported function `run(args, begin, end, lane)` does the work items `[begin, end)`.
 *
 * `args` is the address of the argument block: one i32 address for each slot in `bindings`. Items are
 * independent, so that a pool may split `[0, range)` in any way; the result must not depend on the split.
 * `lane` numbers the worker, for scratch that is marked `perLane`.
 */
export interface CpuCall {
  /** Names the generated code: two calls with one key share one module. */
  readonly key: string;
  /** Generates the module, on the first use of `key`. */
  readonly build: () => Uint8Array<ArrayBuffer>;
  /** Slots in the order of the argument block. */
  readonly bindings: readonly Slot[];
  /** Number of independent work items. */
  readonly range: number;
  /** Fewest items worth handing to another worker; the range is split at multiples of it. */
  readonly grain: number;
}

/** A temporary buffer of a CPU call; `perLane` gives every worker `spec` bytes of its own at `address + lane * bytes`. */
export interface CpuScratch {
  /** Size of the buffer, or of each lane's part. */
  readonly spec: Spec;
  /** Whether every worker has its own. */
  readonly perLane?: boolean;
}

/** Matrices whose rows are sorted by group, as a dispatch to experts makes them. */
export interface GemmGroups {
  /**
   * `m`: each group of rows of A and C has a B of its own, and rows of C that are in no group become zeros. `k`: each
   * group of rows of A (which is stored transposed) and of B makes a C of its own, zeros where the group is empty.
   */
  readonly along: "m" | "k";
  /** `i32[batch]`: rows of each group. */
  readonly counts: Slot;
  /** `i32[batch + 1]`: the first row of each group, and the end of the last. */
  readonly offsets: Slot;
}

/** Matrix products C`[m, n]` = op(A)`[m, k]` op(B)`[k, n]`, of dense `f32` matrices that lie one after the other. */
export interface Gemm {
  /** Slot of A. */
  readonly a: Slot;
  /** Slot of B. */
  readonly b: Slot;
  /** Slot of C. */
  readonly c: Slot;
  /** Slot of the `f32[n]` that is added to each row of C. */
  readonly bias?: Slot;
  /** Slot of what is added to C, of its size. */
  readonly addend?: Slot;
  /** Whether A is stored as `[k, m]`. */
  readonly transA: boolean;
  /** Whether B is stored as `[n, k]`. */
  readonly transB: boolean;
  /** Rows of one C; of all groups together where groups run along m. */
  readonly m: number;
  /** Columns of one C. */
  readonly n: number;
  /** Length of the sums; of all groups together where groups run along k. */
  readonly k: number;
  /** Independent products, or groups. */
  readonly batch: number;
  /** How groups share one product; without them, products have matrices of their own. */
  readonly groups?: GemmGroups;
}

/** What a kernel does on the CPU device: calls in order, and the scratch buffers between them. */
export interface CpuPlan {
  /** Calls, in order. */
  readonly calls: readonly CpuCall[];
  /** Buffers between the calls. */
  readonly scratch?: readonly CpuScratch[];
  /** Set where the calls do nothing but multiply matrices: a device with a library for that may use it instead. */
  readonly gemm?: Gemm;
  /** The calls in parts, some of which may be such products. */
  readonly steps?: readonly Pick<CpuPlan, "calls" | "gemm">[];
}

/** What a backward rule is given. `grads[i]` is null where output `i` did not reach the loss. */
export interface VjpContext<A> {
  /** Inputs of the forward call. */
  readonly inputs: readonly Tensor[];
  /** Outputs of the forward call. */
  readonly outputs: readonly Tensor[];
  /** Gradients of the outputs. */
  readonly grads: readonly (Tensor | null)[];
  /** Attributes of the forward call. */
  readonly attrs: A;
  /** Whether anyone wants the gradient of input `i`. */
  readonly needs: readonly boolean[];
  /**
   * The gradient that input `i` already has from later calls, or null. A rule that asks for it adds it to what it
   * returns for that input, which saves a pass over memory; to all others it is added afterwards.
   */
  before(i: number): Tensor | null;
}

/** One operation, on every device. `A` holds its attributes: plain data that JSON can write. */
export interface Kernel<A = Record<never, never>> {
  /** Lower case with underscores, for errors, profiles and benchmarks. */
  readonly name: string;
  /** Inputs that the kernel writes in place; such a kernel has no backward rule. */
  readonly mutates?: readonly number[];
  /**
   * Does nothing but copy input 1 over input 0 (`assign`). In a recorded program whoever computes input 1 writes it
   * there itself, where nothing forbids it, and nothing is launched.
   */
  readonly copies?: boolean;
  /** The one output shares the buffer of input 0 (`reshape`): nothing is launched. */
  readonly alias?: boolean;
  /** Shape and dtype rule; throws ShapeError or DTypeError. */
  infer(inputs: readonly Spec[], attrs: A): readonly Spec[];
  /** Work of one call; needs no device. */
  cost(inputs: readonly Spec[], attrs: A): Cost;
  /** Plain loops with f64 accumulation: the definition. Fills `outputs`, and mutated inputs, in place. */
  reference(inputs: readonly View[], outputs: readonly View[], attrs: A): void;
  /** Dispatches of one call on an adapter with these limits. */
  webgpu(inputs: readonly Spec[], attrs: A, limits: Limits): WebGpuPlan;
  /** WASM SIMD. A kernel without it runs its reference on the CPU device, and says so once. */
  cpu?(inputs: readonly Spec[], attrs: A): CpuPlan;
  /** The backward rule, made of sibling kernels. Without it the kernel is a constant to autodiff. */
  vjp?(context: VjpContext<A>): readonly (Tensor | null)[];
}

/** One line of the conformance test and of the benchmark: a kernel at one size. */
export interface KernelCase<A = Record<never, never>> {
  /** What is special about this size. */
  readonly name: string;
  /** Specs of the inputs. */
  readonly inputs: readonly Spec[];
  /** Attributes of the call. */
  readonly attrs: A;
  /** Input values; standard normal `f32`, zero integers unless given. */
  readonly values?: (inputs: readonly Spec[]) => readonly HostArray[];
  /** Inputs whose gradient is checked; all `f32` inputs unless given. */
  readonly differentiate?: readonly number[];
  /** Relative L2 error allowed against the f64 reference; see `tests/kernels/tolerance.ts` for the default. */
  readonly tolerance?: { readonly strict?: number; readonly relaxed?: number };
  /** Too large for the f64 reference's finite differences, or for every run of the suite: forward only. */
  readonly forwardOnly?: boolean;
}

/** Erases the attribute type, for lists of kernels. */
// deno-lint-ignore no-explicit-any
export type AnyKernel = Kernel<any>;

/** Cost of a kernel that reads all inputs and writes all outputs once. */
export function streamingCost(
  inputs: readonly Spec[],
  outputs: readonly Spec[],
  flops: number,
): Cost {
  const total = (specs: readonly Spec[]) => specs.reduce((sum, spec) => sum + byteLength(spec), 0);
  return { flops, bytesRead: total(inputs), bytesWritten: total(outputs) };
}

/**
 * Spreads `count` workgroups over x and y, since one dimension holds at most 65,535. A kernel finds its number as
 * `workgroup_id.x + workgroup_id.y * num_workgroups.x` and returns where that reaches `count`.
 */
export function gridOf(count: number, limits: Limits): readonly [number, number, number] {
  const most = limits.maxComputeWorkgroupsPerDimension;
  if (count <= most) return [Math.max(1, count), 1, 1];
  const rows = Math.ceil(count / most);
  return [Math.ceil(count / rows), rows, 1];
}

/** A kernel and the sizes that tests and benchmarks run it at; every kernel folder's `cases.ts` exports a list of them. */
export interface KernelSuite<A = Record<never, never>> {
  /** The kernel under test. */
  readonly kernel: Kernel<A>;
  /** Its sizes; documentation and benchmarks take the first. */
  readonly cases: readonly KernelCase<A>[];
}

/** Erases the attribute type, for lists of suites. */
// deno-lint-ignore no-explicit-any
export type AnySuite = KernelSuite<any>;
