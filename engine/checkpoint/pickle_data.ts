import { PickleDict, PickleTuple, type PickleValue } from "./pickle_values.ts";
import { TorchDevice } from "./torch_values.ts";

/** A value as JSON has it. */
export type PlainData = null | boolean | number | string | PlainData[] | {
  readonly [key: string]: PlainData;
};

const MAX_VALUES = 10_000;
const MAX_DEPTH = 10;

/**
 * The plain part of a value: dicts and namespaces become objects, tuples and sets arrays, integers beyond 2^53 text.
 * Tensors, bytes and other objects are left out, and so is everything when there are more than 10,000 values or they are
 * nested more than 10 deep: what is asked for is an `args`, not a model.
 */
export function plainData(value: PickleValue | undefined): PlainData | undefined {
  let left = MAX_VALUES;
  const convert = (item: PickleValue, depth: number): PlainData | undefined => {
    left = depth > MAX_DEPTH ? -1 : left - 1;
    if (left < 0) return undefined;
    if (typeof item === "bigint") return String(item);
    if (item === null || typeof item !== "object") return item;
    if (item instanceof TorchDevice) return item.name;
    if (Array.isArray(item) || item instanceof Set) return many(item, depth);
    if (item instanceof PickleTuple) return many(item.items, depth);
    return item instanceof PickleDict ? members(item, depth) : undefined;
  };
  const many = (items: Iterable<PickleValue>, depth: number): PlainData[] => {
    const found: PlainData[] = [];
    for (const item of items) {
      const plain = convert(item, depth + 1);
      if (plain !== undefined) found.push(plain);
      if (left < 0) break;
    }
    return found;
  };
  const members = (dict: PickleDict, depth: number): { readonly [key: string]: PlainData } => {
    const entries: [string, PlainData][] = [];
    for (const [key, item] of dict) {
      const plain = typeof key === "string" || typeof key === "number" ? convert(item, depth + 1) : undefined;
      if (plain !== undefined) entries.push([String(key), plain]);
      if (left < 0) break;
    }
    // Defines own properties, so that a key "__proto__" is a key like any other.
    return Object.fromEntries(entries);
  };
  const plain = value === undefined ? undefined : convert(value, 0);
  return left < 0 ? undefined : plain;
}
