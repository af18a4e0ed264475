import { type GlobalRule, PickleDict, PickleTuple, type PickleValue } from "./pickle_values.ts";

/** Containers and texts of Python itself that checkpoints hold beside their tensors. */
export const PYTHON_GLOBALS: ReadonlyMap<string, GlobalRule> = new Map<string, GlobalRule>([
  ["collections.OrderedDict", { call: ([pairs]) => dictOf(pairs, "collections.OrderedDict") }],
  // The factory of missing values is of no use to data.
  ["collections.defaultdict", { call: () => new PickleDict("collections.defaultdict") }],
  ["argparse.Namespace", {
    call: (args) => args.length === 0 ? new PickleDict("argparse.Namespace") : undefined,
  }],
  ["_codecs.encode", { call: encode }],
  ...["builtins", "__builtin__"].flatMap((module): [string, GlobalRule][] => [
    [`${module}.dict`, { call: ([pairs]) => dictOf(pairs, "dict") }],
    [`${module}.list`, { call: ([items]) => itemsOf(items) }],
    [`${module}.set`, { call: ([items]) => setOf(items) }],
    [`${module}.frozenset`, { call: ([items]) => setOf(items) }],
    [`${module}.bytes`, { call: ([text]) => text === undefined ? new Uint8Array(0) : undefined }],
    // Types, as the factory of a defaultdict.
    [`${module}.int`, {}],
    [`${module}.float`, {}],
    [`${module}.str`, {}],
  ]),
]);

function itemsOf(value: PickleValue | undefined): PickleValue[] | undefined {
  if (value === undefined) return [];
  if (Array.isArray(value)) return [...value];
  return value instanceof PickleTuple ? [...value.items] : undefined;
}

function setOf(value: PickleValue | undefined): Set<PickleValue> | undefined {
  const items = itemsOf(value);
  return items && new Set(items);
}

function dictOf(pairs: PickleValue | undefined, className: string): PickleDict | undefined {
  const dict = new PickleDict(className);
  for (const pair of itemsOf(pairs) ?? [null]) {
    const items = pair === null ? undefined : itemsOf(pair);
    if (items?.length !== 2) return undefined;
    dict.set(items[0], items[1]);
  }
  return dict;
}

/** Bytes, as Python 2 protocols write them: text in which each character is a byte. */
function encode([text, encoding]: readonly PickleValue[]): Uint8Array<ArrayBuffer> | undefined {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) return undefined;
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return bytes;
}
