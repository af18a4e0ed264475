import {
  PickleDict,
  PickleGlobal,
  type PickleObject,
  PickleTuple,
  type PickleValue,
} from "./pickle_values.ts";

/** Turns an object of another class into values that can be written; undefined where it cannot. */
export type Reducer = (object: PickleObject) => Reduced | undefined;

/** How an object is written. */
export type Reduced =
  | { readonly call: string; readonly args: readonly PickleValue[] }
  | { readonly persistent: readonly PickleValue[] };

/**
 * Writes a pickle of protocol 2, with the opcodes alone that PyTorch reads under `weights_only`.
 *
 * @throws {TypeError} for a value that no checkpoint needs: bytes, a set, an object that `reduce` does not know
 */
export function writePickle(value: PickleValue, reduce: Reducer = () => undefined): Uint8Array<ArrayBuffer> {
  const writer = new PickleWriter(reduce);
  writer.op("\x80").byte(2);
  writer.value(value);
  writer.op(".");
  return writer.bytes();
}

class PickleWriter {
  #buffer = new Uint8Array(2 ** 12);
  #length = 0;
  readonly #globals = new Map<string, number>();

  constructor(private readonly reduce: Reducer) {}

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  byte(value: number): this {
    this.#room(1)[0] = value;
    return this;
  }

  op(code: string): this {
    return this.byte(code.charCodeAt(0));
  }

  value(value: PickleValue): void {
    if (value === null) this.op("N");
    else if (typeof value === "boolean") this.op(value ? "\x88" : "\x89");
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#long(value);
    else if (typeof value === "string") this.#text(value);
    else if (Array.isArray(value)) this.#list(value);
    else if (value instanceof PickleTuple) this.#tuple(value.items);
    else if (value instanceof PickleDict) this.#dict(value);
    else this.#object(value);
  }

  #object(value: PickleObject | Uint8Array | Set<PickleValue>): void {
    if (value instanceof PickleGlobal) return this.#global(value.name);
    const known = value instanceof Uint8Array || value instanceof Set ? undefined : this.reduce(value);
    if (!known) throw new TypeError(`Cannot pickle a ${value.constructor.name}`);
    if ("persistent" in known) {
      this.#tuple(known.persistent);
      this.op("Q");
      return;
    }
    this.#global(known.call);
    this.#tuple(known.args);
    this.op("R");
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.op("G");
      this.#view(8).setFloat64(0, value, false);
    } else if (value >= 0 && value < 2 ** 8) this.op("K").byte(value);
    else if (value >= -(2 ** 31) && value < 2 ** 31) this.op("J").#view(4).setInt32(0, value, true);
    else this.#long(BigInt(value));
  }

  #long(value: bigint): void {
    let length = 1;
    while (BigInt.asIntN(8 * length, value) !== value) length++;
    if (length > 255) throw new TypeError(`Cannot pickle an integer of ${length} bytes`);
    this.op("\x8a").byte(length);
    for (let i = 0; i < length; i++) this.byte(Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
  }

  #text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.op("X").#view(4).setUint32(0, bytes.length, true);
    this.#room(bytes.length).set(bytes);
  }

  #list(items: readonly PickleValue[]): void {
    this.op("]").op("(");
    for (const item of items) this.value(item);
    this.op("e");
  }

  #tuple(items: readonly PickleValue[]): void {
    if (items.length === 0) {
      this.op(")");
      return;
    }
    if (items.length > 3) this.op("(");
    for (const item of items) this.value(item);
    this.op(["t", "\x85", "\x86", "\x87"][items.length] ?? "t");
  }

  #dict(dict: PickleDict): void {
    if (dict.className === "collections.OrderedDict") {
      this.#global(dict.className);
      this.op(")").op("R");
    } else this.op("}");
    this.op("(");
    for (const [key, value] of dict) {
      this.value(key);
      this.value(value);
    }
    this.op("u");
  }

  #global(name: string): void {
    const index = this.#globals.get(name);
    if (index !== undefined) {
      this.op("h").byte(index);
      return;
    }
    const dot = name.lastIndexOf(".");
    const line = new TextEncoder().encode(`${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`);
    this.op("c").#room(line.length).set(line);
    this.op("q").byte(this.#globals.size);
    this.#globals.set(name, this.#globals.size);
  }

  #view(length: number): DataView {
    const room = this.#room(length);
    return new DataView(room.buffer, room.byteOffset, length);
  }

  #room(length: number): Uint8Array {
    const end = this.#length + length;
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    const room = this.#buffer.subarray(this.#length, end);
    this.#length = end;
    return room;
  }
}
