/** A value of a Python literal: whole numbers as `number`, other numbers as the text that they are written in. */
export type Literal = string | number | boolean | null | Decimal | readonly Literal[] | Dictionary;

/** A dictionary with string keys. */
export type Dictionary = ReadonlyMap<string, Literal>;

/** A number with a point or an exponent. */
export class Decimal {
  constructor(readonly text: string) {}
}

/** Deepest nesting: structured dtypes that NumPy writes have four levels. */
const MAX_DEPTH = 16;

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /([+-]?\d+)(?:[lL]|(\.\d*)?([eE][+-]?\d+)?)/y;
const WORD = /(?:True|False|None)\b/y;
const STRING = /[uUbB]?(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/y;
const WORDS: ReadonlyMap<string, boolean | null> = new Map([["True", true], ["False", false], [
  "None",
  null,
]]);

/**
 * Reads a Python literal as headers of `.npy` files hold it: numbers, strings, `True`, `False`, `None`, tuples, lists
 * and dictionaries. Nothing is evaluated; a name or a call is an error.
 *
 * @throws {SyntaxError} naming the character that does not belong there
 */
export function parseLiteral(text: string): Literal {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.finish();
  return value;
}

class Reader {
  #at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): Literal {
    if (depth > MAX_DEPTH) this.#refuse(`nesting deeper than ${MAX_DEPTH}`);
    if (this.#take("{")) return this.#dictionary(depth);
    if (this.#take("(")) return this.#sequence(")", depth);
    if (this.#take("[")) return this.#sequence("]", depth);
    const number = this.#match(NUMBER);
    if (number) return number[2] ?? number[3] ? new Decimal(number[0]) : Number(number[1]);
    const word = this.#match(WORD);
    if (word) return WORDS.get(word[0])!;
    const string = this.#match(STRING);
    if (!string) this.#refuse("a literal wanted");
    return (string[1] ?? string[2]).replace(/\\(.)/g, "$1");
  }

  finish(): void {
    if (this.#peek() !== undefined) this.#refuse("the end wanted");
  }

  #dictionary(depth: number): Dictionary {
    const entries = new Map<string, Literal>();
    while (!this.#take("}")) {
      const key = this.value(depth + 1);
      if (typeof key !== "string" || entries.has(key)) this.#refuse("a new string as key wanted");
      if (!this.#take(":")) this.#refuse('":" wanted');
      entries.set(key, this.value(depth + 1));
      if (!this.#take(",") && this.#peek() !== "}") this.#refuse('"," or "}" wanted');
    }
    return entries;
  }

  /** A parenthesised value without a comma is that value, as in Python. */
  #sequence(close: ")" | "]", depth: number): Literal {
    const items: Literal[] = [];
    let commas = 0;
    while (!this.#take(close)) {
      items.push(this.value(depth + 1));
      if (this.#take(",")) commas++;
      else if (this.#peek() !== close) this.#refuse(`"," or "${close}" wanted`);
    }
    return close === ")" && items.length === 1 && commas === 0 ? items[0] : items;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    this.#skipSpace();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #peek(): string | undefined {
    this.#skipSpace();
    return this.text[this.#at];
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.text);
    this.#at = SPACE.lastIndex;
  }

  #refuse(wanted: string): never {
    const found = this.text.slice(this.#at, this.#at + 12).trimEnd();
    throw new SyntaxError(`${wanted} at character ${this.#at}, got ${JSON.stringify(found)}`);
  }
}
