import { PYTHON_GLOBALS } from "./pickle_globals.ts";
import {
  type GlobalRule,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "./pickle_values.ts";
import type { SafetensorsDType } from "./safetensors_header.ts";

/** Element types of storages that are read, under their names in safetensors. */
export const STORAGE_DTYPES: ReadonlyMap<string, SafetensorsDType> = new Map<string, SafetensorsDType>([
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.DoubleStorage", "F64"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

/** Storages that exist and are not read: named so that the error can name the tensor too. */
const OTHER_STORAGES = [
  "torch.ComplexFloatStorage",
  "torch.ComplexDoubleStorage",
  "torch.QInt8Storage",
  "torch.QUInt8Storage",
  "torch.QInt32Storage",
  "torch.QUInt4x2Storage",
  "torch.QUInt2x4Storage",
  "torch.UntypedStorage",
  "torch.storage.UntypedStorage",
];

const DTYPES = [
  "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool float half double long int short",
  "complex64 complex128 uint16 uint32 uint64 float8_e4m3fn float8_e5m2",
].join(" ").split(" ");

/** A block of elements that tensors are views of. */
export class TorchStorage extends PickleObject {
  /** `count` elements under `key`. */
  constructor(readonly className: string, readonly key: string, readonly count: number) {
    super();
  }
}

/** A tensor as a pickle describes it: a view of a storage, not yet checked. */
export class TorchTensor extends PickleObject {
  /** Name of the class in PyTorch. */
  readonly className = "torch.Tensor";

  /** Lengths are in elements. */
  constructor(
    readonly storage: TorchStorage,
    /** First element. */
    readonly offset: number,
    readonly shape: readonly number[],
    /** Elements from one index to the next, for each dimension. */
    readonly stride: readonly number[],
    /** Whether it was an `nn.Parameter`. */
    readonly parameter: boolean,
    readonly requiresGrad: boolean,
  ) {
    super();
  }
}

/** A `torch.device`, as in `cuda:1`. */
export class TorchDevice extends PickleObject {
  /** Name of the class in PyTorch. */
  readonly className = "torch.device";

  /** The device of this name. */
  constructor(readonly name: string) {
    super();
  }
}

/** Every global that a checkpoint may name. */
export const TORCH_GLOBALS: ReadonlyMap<string, GlobalRule> = new Map<string, GlobalRule>([
  ...PYTHON_GLOBALS,
  ...[...STORAGE_DTYPES.keys(), ...OTHER_STORAGES, ...DTYPES.map((name) => `torch.${name}`)].map(
    (name): [string, GlobalRule] => [name, {}],
  ),
  ["torch.Size", { call: ([sizes]) => sizes instanceof PickleTuple ? sizeOf(sizes.items) : undefined }],
  ["torch.device", { call: deviceOf }],
  ["torch._utils._rebuild_tensor", { call: tensorOf }],
  ["torch._utils._rebuild_tensor_v2", { call: tensorOf }],
  ["torch._utils._rebuild_parameter", { call: parameterOf }],
]);

/**
 * The storage that a persistent id names: `("storage", class, key, location, count)`, with a sixth value, None, in
 * legacy files. The location is of no use.
 */
export function storageOf(id: PickleValue): TorchStorage | undefined {
  if (!(id instanceof PickleTuple)) return undefined;
  const [kind, type, key, , count, view] = id.items;
  const known = kind === "storage" && type instanceof PickleGlobal && type.name.endsWith("Storage") &&
    typeof key === "string" && (view === undefined || view === null);
  if (!known || typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) return undefined;
  return new TorchStorage(type.name, key, count);
}

function sizeOf(sizes: readonly PickleValue[]): PickleTuple {
  return new PickleTuple(sizes, "torch.Size");
}

function deviceOf([type, index]: readonly PickleValue[]): TorchDevice | undefined {
  if (typeof type !== "string") return undefined;
  if (index === undefined || index === null) return new TorchDevice(type);
  return typeof index === "number" ? new TorchDevice(`${type}:${index}`) : undefined;
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`. */
function tensorOf(args: readonly PickleValue[]): TorchTensor | undefined {
  const [storage, offset, size, stride, requiresGrad] = args;
  const [shape, strides] = [numbersOf(size), numbersOf(stride)];
  if (!(storage instanceof TorchStorage) || typeof offset !== "number" || !shape || !strides) {
    return undefined;
  }
  return new TorchTensor(storage, offset, shape, strides, false, requiresGrad === true);
}

/** `_rebuild_parameter(tensor, requires_grad, backward_hooks)`. */
function parameterOf([tensor, requiresGrad]: readonly PickleValue[]): TorchTensor | undefined {
  if (!(tensor instanceof TorchTensor)) return undefined;
  const { storage, offset, shape, stride } = tensor;
  return new TorchTensor(storage, offset, shape, stride, true, requiresGrad === true);
}

function numbersOf(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof PickleTuple)) return undefined;
  const items = value.items.map((item) => typeof item === "bigint" ? Number(item) : item);
  return items.every((item) => typeof item === "number") ? items : undefined;
}
