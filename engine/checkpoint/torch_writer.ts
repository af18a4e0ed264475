import { CheckpointError } from "../core/errors.ts";
import { stridesOf } from "../core/shape.ts";
import { PickleDict, PickleGlobal, PickleObject, PickleTuple, type PickleValue } from "./pickle_values.ts";
import { writePickle } from "./pickle_writer.ts";
import { quote, type SafetensorsDType } from "./safetensors_header.ts";
import { STORAGE_DTYPES, TorchStorage } from "./torch_values.ts";
import { writeZip, type ZipInput } from "./zip_writer.ts";

/** A tensor to write: a leaf of the tree. */
export class TorchData extends PickleObject {
  /** Name of the class in PyTorch. */
  readonly className = "torch.Tensor";

  /** Elements are row-major and little-endian, and fetched when their turn has come. */
  constructor(
    readonly dtype: SafetensorsDType,
    readonly shape: readonly number[],
    readonly bytes: () => Promise<Uint8Array>,
  ) {
    super();
  }
}

const STORAGES: ReadonlyMap<SafetensorsDType, string> = new Map(
  [...STORAGE_DTYPES].map(([storage, dtype]) => [dtype, storage]),
);

/**
 * Writes a checkpoint that `torch.load(path, weights_only=True)` reads, in one atomic step, one tensor in memory at a
 * time. Equal trees give equal bytes.
 *
 * @param tree dicts, lists, tuples, texts, numbers, and `TorchData` as leaves
 * @throws {CheckpointError} when the file cannot be written, or PyTorch has no storage of a tensor's dtype
 */
export async function writeTorch(path: string, tree: PickleValue): Promise<void> {
  const storages: ZipInput[] = [];
  const pickle = writePickle(tree, (object) => {
    if (object instanceof TorchStorage) {
      const { key, className, count } = object;
      return { persistent: ["storage", new PickleGlobal(className, {}), key, "cpu", count] };
    }
    if (!(object instanceof TorchData)) return undefined;
    const className = STORAGES.get(object.dtype);
    if (!className) {
      throw new CheckpointError(
        `Cannot write ${path}: PyTorch has no storage of dtype ${quote(object.dtype)}`,
      );
    }
    const key = String(storages.length);
    storages.push({ name: `${FOLDER}/data/${key}`, bytes: object.bytes });
    const count = object.shape.reduce((product, dim) => product * dim, 1);
    const [shape, stride] = [object.shape, stridesOf(object.shape)].map((sizes) =>
      new PickleTuple([...sizes])
    );
    const storage = new TorchStorage(className, key, count);
    const hooks = new PickleDict("collections.OrderedDict");
    return { call: "torch._utils._rebuild_tensor_v2", args: [storage, 0, shape, stride, false, hooks] };
  });
  const text = (name: string, content: string): ZipInput => ({
    name: `${FOLDER}/${name}`,
    bytes: () => new TextEncoder().encode(content),
  });
  await writeZip(path, [
    { name: `${FOLDER}/data.pkl`, bytes: () => pickle },
    text("byteorder", "little"),
    ...storages,
    text("version", "3\n"),
  ]);
}

const FOLDER = "archive";
