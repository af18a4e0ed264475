import type { PickleMachine } from "./pickle.ts";
import type { PickleCursor } from "./pickle_cursor.ts";
import { PickleDict, PickleTuple, type PickleValue } from "./pickle_values.ts";

/** What one opcode does. */
export type Opcode = (machine: PickleMachine, cursor: PickleCursor) => void;

/** Longest integer, in bytes. */
const MAX_LONG = 1024;

const push = (value: () => PickleValue): Opcode => (machine) => machine.push(value());
const pushRead = (read: (cursor: PickleCursor) => PickleValue): Opcode => (machine, cursor) =>
  machine.push(read(cursor));
const pushTuple = (count: number): Opcode => (machine) =>
  machine.push(new PickleTuple(machine.popMany(count)));

const STACK: Readonly<Record<string, Opcode>> = {
  "(": (machine) => machine.mark(),
  "0": (machine) => machine.pop(),
  "1": (machine) => machine.popToMark(),
  "2": (machine) => machine.push(machine.peek()),
  "\x80": (machine, cursor) => {
    const protocol = cursor.uint8();
    if (protocol > 5) machine.refuse(`announces protocol ${protocol}, wanted at most 5`);
  },
  "\x95": (_machine, cursor) => cursor.expect(cursor.uint64()),
  "p": (machine, cursor) => machine.remember(index(machine, cursor)),
  "q": (machine, cursor) => machine.remember(cursor.uint8()),
  "r": (machine, cursor) => machine.remember(cursor.uint32()),
  "\x94": (machine) => machine.remember(),
  "g": (machine, cursor) => machine.recall(index(machine, cursor)),
  "h": (machine, cursor) => machine.recall(cursor.uint8()),
  "j": (machine, cursor) => machine.recall(cursor.uint32()),
};

const NUMBERS: Readonly<Record<string, Opcode>> = {
  "N": push(() => null),
  "\x88": push(() => true),
  "\x89": push(() => false),
  "I": (machine, cursor) => {
    const line = cursor.line();
    machine.push(line === "00" ? false : line === "01" ? true : decimal(machine, line));
  },
  "L": (machine, cursor) => machine.push(decimal(machine, cursor.line().replace(/L$/, ""))),
  "J": pushRead((cursor) => cursor.int32()),
  "K": pushRead((cursor) => cursor.uint8()),
  "M": pushRead((cursor) => cursor.uint16()),
  "G": pushRead((cursor) => cursor.float64()),
  "\x8a": pushRead((cursor) => longOf(cursor.bytes(cursor.uint8()))),
  "\x8b": (machine, cursor) => {
    const length = cursor.uint32();
    if (length > MAX_LONG) {
      machine.refuse(`announces an integer of ${length} bytes, wanted at most ${MAX_LONG}`);
    }
    machine.push(longOf(cursor.bytes(length)));
  },
};

const TEXTS: Readonly<Record<string, Opcode>> = {
  // Strings of Python 2, which are keys and names.
  "T": pushRead((cursor) => cursor.text(cursor.uint32())),
  "U": pushRead((cursor) => cursor.text(cursor.uint8())),
  "X": pushRead((cursor) => cursor.text(cursor.uint32())),
  "\x8c": pushRead((cursor) => cursor.text(cursor.uint8())),
  "\x8d": pushRead((cursor) => cursor.text(cursor.uint64())),
  "B": pushRead((cursor) => cursor.bytes(cursor.uint32())),
  "C": pushRead((cursor) => cursor.bytes(cursor.uint8())),
  "\x8e": pushRead((cursor) => cursor.bytes(cursor.uint64())),
  "\x96": pushRead((cursor) => cursor.bytes(cursor.uint64())),
};

const CONTAINERS: Readonly<Record<string, Opcode>> = {
  ")": push(() => new PickleTuple([])),
  "\x85": pushTuple(1),
  "\x86": pushTuple(2),
  "\x87": pushTuple(3),
  "t": (machine) => machine.push(new PickleTuple(machine.popToMark())),
  "]": push(() => []),
  "l": (machine) => machine.push(machine.popToMark()),
  "a": (machine) => machine.append([machine.pop()]),
  "e": (machine) => machine.append(machine.popToMark()),
  "}": push(() => new PickleDict()),
  "d": (machine) => {
    const items = machine.popToMark();
    machine.push(new PickleDict());
    machine.setItems(items);
  },
  "s": (machine) => machine.setItems(machine.popMany(2)),
  "u": (machine) => machine.setItems(machine.popToMark()),
  "\x8f": push(() => new Set()),
  "\x90": (machine) => machine.addItems(machine.popToMark()),
  "\x91": (machine) => machine.push(new Set(machine.popToMark())),
};

const OBJECTS: Readonly<Record<string, Opcode>> = {
  "c": (machine, cursor) => machine.pushGlobal(cursor.line(), cursor.line()),
  "\x93": (machine) => {
    const [module, name] = machine.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") {
      return machine.refuse("names a global without a string");
    }
    machine.pushGlobal(module, name);
  },
  "i": (machine, cursor) => {
    const [module, name] = [cursor.line(), cursor.line()];
    const args = new PickleTuple(machine.popToMark());
    machine.pushGlobal(module, name);
    machine.call(machine.pop(), args);
  },
  "R": (machine) => callTop(machine),
  "\x81": (machine) => callTop(machine),
  "b": (machine) => machine.build(machine.pop()),
  "Q": (machine) => machine.pushPersistent(machine.pop()),
};

/** Every opcode that is read, but for STOP, by its byte. */
export const OPCODES: readonly (Opcode | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  const table = [STACK, NUMBERS, TEXTS, CONTAINERS, OBJECTS].find((own) => Object.hasOwn(own, character));
  return table?.[character];
});

function callTop(machine: PickleMachine): void {
  const [callee, args] = machine.popMany(2);
  machine.call(callee, args);
}

function index(machine: PickleMachine, cursor: PickleCursor): number {
  return Number(decimal(machine, cursor.line()));
}

function decimal(machine: PickleMachine, text: string): number | bigint {
  if (!/^-?\d+$/.test(text)) machine.refuse(`has ${JSON.stringify(text)} where an integer is wanted`);
  return plain(BigInt(text));
}

/** A two's complement integer of any length, the lowest byte first. */
function longOf(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).reverse().join("");
  return plain(BigInt.asIntN(8 * bytes.length, BigInt(`0x${digits}`)));
}

function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
