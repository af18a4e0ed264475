/**
 * The tensor engine: devices, tensors, the kernel contract, record and replay, autodiff, parameters, checkpoints.
 *
 * It holds no operation; those are in `@tessera/tessera/kernels`.
 *
 * ```ts
 * import { openDevice } from "@tessera/tessera/engine";
 *
 * using device = await openDevice("cpu");
 * const x = device.tensor([2, 2], Float32Array.of(1, 2, 3, 4));
 * console.log(`${x}`, await x.read()); // f32[2, 2] Float32Array(4) [ 1, 2, 3, 4 ]
 * ```
 *
 * @module
 */
export {
  Arena,
  ARENA_LINE,
  type ArenaLayout,
  type ArenaOptions,
  type Piece,
  type Place,
} from "./device/arena.ts";
export {
  BYTES_PER_ELEMENT,
  bytesPerElement,
  commonFloat,
  type DType,
  dtypeOf,
  elementsOf,
  type Float,
  type HostArray,
  hostArray,
  isFloat,
} from "./core/dtype.ts";
export * from "./core/errors.ts";
export { normalFromBits, normalTable, Philox, philox4x32, type Seed, seedWords } from "./core/random.ts";
export { broadcastShapes, broadcastStrides, sameShape, type Shape, sizeOf, stridesOf } from "./core/shape.ts";
export {
  byteLength,
  expectDTypes,
  f16,
  f32,
  formatSpec,
  i32,
  makeSpec,
  type Spec,
  u32,
  type WantedDType,
} from "./core/spec.ts";

export type {
  Backend,
  BackendBuffer,
  BackendLimits,
  Bound,
  Call,
  DeviceKind,
  Lowered,
  MemoryUse,
} from "./device/backend.ts";
export * as wasm from "./device/cpu/wasm/mod.ts";
export { apply, Device } from "./device/device.ts";
export {
  chooseDevice,
  describeDevice,
  DEVICE_NAMES,
  type DeviceChoice,
  type DeviceName,
  type DeviceOptions,
  openDevice,
} from "./device/open.ts";
export type { Scope } from "./device/scope.ts";
export { type AdapterReport, probeAdapter } from "./device/webgpu/adapter.ts";
export { bindingRanges, bindItems, type ItemRange } from "./device/webgpu/ranges.ts";
export { LINEAR_WORKGROUP, wgslHeader, type WgslNames } from "./device/webgpu/wgsl.ts";

export * from "./kernel.ts";
export { type Lifetime, type Storage, Tensor } from "./tensor.ts";

export { backward, differentiate, type GradientOps, type ValueAndGradients } from "./autodiff/backward.ts";
export { type BlockResult, checkpoint } from "./autodiff/checkpoint.ts";
export { Tape, type TapeBlock, type TapeEntry } from "./autodiff/tape.ts";

export type { ApplyRecord, Pass } from "./program/executor.ts";
export { checkFinite } from "./program/nan_check.ts";
export { Profile, type ProfiledCall, profileProgram } from "./program/profiler.ts";
export type { Program } from "./program/program.ts";
export type { RecordedCall } from "./program/recorder.ts";

export * from "./params/init.ts";
export {
  assertSameState,
  Parameter,
  type ParameterOptions,
  type ParamScope,
  ParamStore,
  type StateEntry,
} from "./params/param_store.ts";

export { fetchFromHub, type HubOptions, isHubPath } from "./checkpoint/hub.ts";
export {
  type GlobalRule,
  PickleDict,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "./checkpoint/pickle_values.ts";
export * from "./checkpoint/safetensors.ts";
export { isTorchPath, openTensorFile, type TensorFile } from "./checkpoint/tensor_file.ts";
export { openTorch, parseTorch, TorchFile, type TorchTensorInfo } from "./checkpoint/torch.ts";
export { TorchData, writeTorch } from "./checkpoint/torch_writer.ts";
