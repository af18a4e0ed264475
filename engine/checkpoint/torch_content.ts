import type { PickleValue } from "./pickle_values.ts";

/** A checkpoint's object and where its storages are, whatever the layout of the file. */
export interface TorchContent {
  /** What was saved. */
  readonly value: PickleValue;
  /** Whether elements have their highest byte first. */
  readonly bigEndian: boolean;
  /** Bytes of a storage; undefined where the file has none of this key. */
  size(key: string): number | undefined;
  /** How errors name a storage. */
  where(key: string): string;
  /** The bytes `[begin, end)` of a storage. */
  read(key: string, begin: number, end: number): Uint8Array<ArrayBuffer>;
}
