/**
 * A reader of Python pickles as data, protocols 1 to 5. Nothing in a pickle is ever executed: a name is looked up, as a
 * whole, in a whitelist of rules, and any other is refused by name.
 *
 * `pickleparser` 0.2.1 was tried. It cannot read files that nobody vouches for: a memo entry that was never stored and
 * an empty stack give undefined in silence, lengths are not held against the bytes that are there, values can bring a
 * `__setstate__` that is called, and neither work nor nesting is limited; it also wants the whole file in memory,
 * where a legacy checkpoint has gigabytes after the pickle.
 *
 * Source: the opcode table of Python's `pickletools`.
 *
 * @module
 */
import type { PickleCursor } from "./pickle_cursor.ts";
import { OPCODES } from "./pickle_opcodes.ts";
import {
  PickleDict,
  PickleGlobal,
  type PickleRules,
  PickleTuple,
  type PickleValue,
} from "./pickle_values.ts";
import { quote } from "./safetensors_header.ts";

/**
 * Most opcodes of one pickle, and items that its calls copy; each takes one small object at most. 10,000 tensors with
 * their moments take 1.2 million.
 */
const MAX_STEPS = 4_000_000;

/** Characters that weigh as much as a step. */
const CHARACTERS_PER_STEP = 16;

/**
 * Reads one pickle, and leaves the cursor after it.
 *
 * @throws {CheckpointError} when the pickle is broken, names a global that `rules` do not list, or is too large
 */
export function readPickle(cursor: PickleCursor, rules: PickleRules): PickleValue {
  const machine = new PickleMachine(cursor, rules);
  for (let code = machine.begin(); code !== STOP; code = machine.begin()) {
    const opcode = OPCODES[code];
    if (!opcode) cursor.refuse(`unknown pickle opcode ${hex(code)} at byte ${cursor.position - 1}`);
    opcode(machine, cursor);
  }
  return machine.pop();
}

const STOP = ".".charCodeAt(0);

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}

/** The stack, marks and memo of a pickle that is being read. */
export class PickleMachine {
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #code = 0;
  #at = 0;
  #steps = 0;

  /** A machine with nothing on its stack. */
  constructor(private readonly cursor: PickleCursor, private readonly rules: PickleRules) {}

  /** Takes the next opcode. */
  begin(): number {
    this.#at = this.cursor.position;
    this.#spend(1);
    return this.#code = this.cursor.uint8();
  }

  /** Refuses the present opcode. */
  refuse(defect: string): never {
    return this.cursor.refuse(`pickle opcode ${hex(this.#code)} at byte ${this.#at} ${defect}`);
  }

  /** Puts a value on the stack. */
  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  /** Takes the topmost value. */
  pop(): PickleValue {
    this.peek();
    return this.#stack.pop()!;
  }

  /** The topmost value. */
  peek(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) {
      this.refuse("needs more values than the stack holds");
    }
    return this.#stack.at(-1)!;
  }

  /** Takes `count` values, the topmost last. */
  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  /** Marks the top of the stack. */
  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Takes all values above the last mark, and the mark. */
  popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) this.refuse("needs a mark and there is none");
    return this.#stack.splice(mark);
  }

  /** Remembers the topmost value; under the next free index unless one is given. */
  remember(index: number = this.#memo.size): void {
    this.#memo.set(index, this.peek());
  }

  /** Pushes a remembered value. */
  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.refuse(`names memo entry ${index}, which was never stored`);
    this.push(value);
  }

  /** Pushes what a name stands for. Whole names are compared, never a part of one. */
  pushGlobal(module: string, name: string): void {
    const full = `${module}.${name}`;
    const rule = this.rules.globals.get(full);
    if (!rule) {
      const key = this.#stack.at(-1);
      const where = typeof key === "string" ? ` (after ${quote(key)})` : "";
      this.cursor.refuse(
        `it names ${/^[\w.]{1,200}$/.test(full) ? full : quote(full)}${where}, ` +
          `which is not on the list of classes that may be read; nothing was executed`,
      );
    }
    this.push(new PickleGlobal(full, rule));
  }

  /** Pushes what a persistent id stands for. */
  pushPersistent(id: PickleValue): void {
    this.push(this.rules.persistent?.(id) ?? this.refuse("has a persistent id of an unknown form"));
  }

  /** Pushes what a call of a global gives, by its rule. */
  call(callee: PickleValue, args: PickleValue): void {
    if (!(callee instanceof PickleGlobal)) this.refuse("calls what is not a global");
    if (!(args instanceof PickleTuple)) this.refuse("calls without a tuple of arguments");
    for (const item of args.items) this.#spend(weightOf(item));
    const value = callee.rule.call?.(args.items);
    if (value === undefined) this.refuse(`calls ${callee.name} with arguments that do not fit`);
    this.push(value);
  }

  /** Adds keys and values, in turn, to the dict on top. */
  setItems(items: readonly PickleValue[]): void {
    const dict = this.peek();
    if (!(dict instanceof PickleDict)) this.refuse("adds items to what is not a dict");
    if (items.length % 2 !== 0) this.refuse("adds a key without a value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (Array.isArray(key) || key instanceof Set || key instanceof PickleDict) {
        this.refuse("has a key that is a list, a set or a dict");
      }
      dict.set(key, items[i + 1]);
    }
  }

  /** Adds items to the list on top. */
  append(items: readonly PickleValue[]): void {
    const list = this.peek();
    if (!Array.isArray(list)) this.refuse("appends to what is not a list");
    for (const item of items) list.push(item);
  }

  /** Adds items to the set on top. */
  addItems(items: readonly PickleValue[]): void {
    const set = this.peek();
    if (!(set instanceof Set)) this.refuse("adds to what is not a set");
    for (const item of items) set.add(item);
  }

  /** Gives the object on top its state: the attributes of a namespace, or those beside the items of a dict. */
  build(state: PickleValue): void {
    const target = this.peek();
    if (!(target instanceof PickleDict) || !(state instanceof PickleDict)) {
      this.refuse("gives a state to what has none");
    }
    this.#spend(state.size);
    const attributes = target.className === "argparse.Namespace"
      ? target
      : target.attributes ??= new PickleDict();
    for (const [name, value] of state) attributes.set(name, value);
  }

  // Calls copy what they are given, and a pickle can give the same long list to each of a million of them.
  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) {
      this.cursor.refuse(`its pickle takes more than ${MAX_STEPS} steps, the most that are read`);
    }
  }
}

function weightOf(value: PickleValue): number {
  if (typeof value === "string") return value.length / CHARACTERS_PER_STEP;
  if (Array.isArray(value)) return value.length;
  if (value instanceof PickleTuple) return value.items.length;
  return 0;
}
