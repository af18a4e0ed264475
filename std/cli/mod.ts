/**
 * Stand-in for `jsr:@std/cli` where the JSR registry cannot be reached: `parseArgs` with the options, result type
 * and rules of the real one, without clusters that carry a value (`-n5`). `node:util` has a `parseArgs` too, but
 * no callback for unknown flags, no collection by name and no values for flags that were not declared.
 *
 * @module
 */

type Names<T> = T | readonly Extract<T, string>[];

type Known<B, S, C> =
  & { [K in Extract<Exclude<B, C>, string>]: boolean }
  & { [K in Extract<Exclude<S, C>, string>]?: string }
  & { [K in Extract<C & S, string>]: string[] }
  & { [K in Extract<Exclude<C, S>, string>]: unknown[] };

type WithDefaults<V, D> = undefined extends D ? V
  : Omit<V, keyof D> & { [K in keyof D]: K extends keyof V ? D[K] | NonNullable<V[K]> : unknown };

type Flags<B, S, C, D> = [B, S, C] extends [undefined, undefined, undefined]
  // deno-lint-ignore no-explicit-any
  ? Record<string, any>
  : Record<string, unknown> & WithDefaults<Known<B, S, C>, D>;

/** What `parseArgs` returns: flags by name, and the other arguments in `_`. */
export type Args<
  // deno-lint-ignore no-explicit-any
  F = Record<string, any>,
  DD extends boolean | undefined = undefined,
> = F & { _: (string | number)[] } & (DD extends true ? { "--": string[] } : unknown);

/** Options of `parseArgs`. */
export interface ParseOptions<
  B extends string | undefined = string | undefined,
  S extends string | undefined = string | undefined,
  C extends string | undefined = string | undefined,
  N extends string | undefined = string | undefined,
  D extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
  DD extends boolean | undefined = boolean | undefined,
> {
  /** Puts what follows `--` into `["--"]` and not into `_`. */
  "--"?: DD;
  /** Other names of a flag; a value is stored under all of them. */
  alias?: Record<string, string | readonly string[]>;
  /** Flags without a value; false unless given. */
  boolean?: Names<B>;
  /** Values of flags that are not given. */
  default?: D;
  /** Flags whose value stays a string; others that look like numbers become numbers. */
  string?: Names<S>;
  /** Flags whose values are gathered into an array. */
  collect?: Names<C>;
  /** Flags that `--no-flag` sets to false. */
  negatable?: Names<N>;
  /** Called for arguments that no option names; returning false drops the argument. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Value = string | number | boolean;
type Nested = { [key: string]: unknown };

const NUMBER = /^(0x[0-9a-f]+|[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)$/i;

class Parser {
  readonly result: Nested & { _: (string | number)[] } = { _: [] };
  readonly #aliases = new Map<string, string[]>();
  readonly #boolean: Set<string>;
  readonly #string: Set<string>;
  readonly #collect: Set<string>;
  readonly #negatable: Set<string>;

  constructor(readonly options: ParseOptions) {
    for (const [key, value] of Object.entries(options.alias ?? {})) {
      const group = [key, ...[value].flat() as string[]];
      for (const name of group) this.#aliases.set(name, group.filter((other) => other !== name));
    }
    this.#boolean = this.#names(options.boolean);
    this.#string = this.#names(options.string);
    this.#collect = this.#names(options.collect);
    this.#negatable = this.#names(options.negatable);
  }

  /** Reads the argument at the front of `args`, and its value if that is a separate argument. */
  take(args: string[]): void {
    const arg = args.shift()!;
    const flag = /^(--?)([^=]+)(?:=(.*))?$/s.exec(arg);
    if (!flag) return this.#positional(arg);
    const [, dashes, key, inline] = flag;
    if (inline !== undefined) {
      return this.#set(key, this.#boolean.has(key) ? inline !== "false" : inline, arg);
    }
    if (dashes === "--") {
      const negated = key.startsWith("no-") ? key.slice(3) : "";
      if (this.#negatable.has(negated)) return this.#set(negated, false, arg, false);
      return this.#set(key, this.#value(key, args), arg);
    }
    for (const letter of key.slice(0, -1)) this.#set(letter, this.#value(letter, []), arg);
    const last = key.slice(-1);
    this.#set(last, this.#value(last, args), arg);
  }

  finish(): void {
    for (const [key, value] of Object.entries(this.options.default ?? {})) {
      if (this.#has(key)) continue;
      for (const name of [key, ...this.#aliases.get(key) ?? []]) this.#store(name, value, false);
    }
    for (const key of this.#collect) {
      if (!this.#has(key)) this.#store(key, [], false);
    }
    for (const key of this.#boolean) {
      if (!this.#has(key)) this.#store(key, false, false);
    }
  }

  #names(option: string | readonly string[] | undefined): Set<string> {
    const names = [option ?? []].flat() as string[];
    return new Set(names.flatMap((name) => [name, ...this.#aliases.get(name) ?? []]));
  }

  #positional(arg: string): void {
    if (this.options.unknown?.(arg) === false) return;
    this.result._.push(!this.#string.has("_") && NUMBER.test(arg) ? Number(arg) : arg);
  }

  #value(key: string, rest: string[]): Value {
    if (!this.#boolean.has(key) && rest.length > 0 && !rest[0].startsWith("-")) return rest.shift()!;
    if (rest[0] === "true" || rest[0] === "false") return rest.shift() === "true";
    return this.#string.has(key) ? "" : true;
  }

  #set(key: string, value: Value, arg: string, collect = true): void {
    const known = this.#boolean.has(key) || this.#string.has(key) || this.#aliases.has(key);
    if (!known && this.options.unknown?.(arg, key, value) === false) return;
    const typed = typeof value === "string" && !this.#string.has(key) && NUMBER.test(value)
      ? Number(value)
      : value;
    for (const name of [key, ...this.#aliases.get(key) ?? []]) {
      this.#store(name, typed, collect && this.#collect.has(name));
    }
  }

  #store(key: string, value: unknown, collect: boolean): void {
    const path = key.split(".");
    const last = path.pop()!;
    let target: Nested = this.result;
    for (const part of path) target = (target[part] ??= {}) as Nested;
    if (!collect) target[last] = value;
    else if (Array.isArray(target[last])) target[last].push(value);
    else target[last] = [value];
  }

  #has(key: string): boolean {
    const path = key.split(".");
    const last = path.pop()!;
    let target: unknown = this.result;
    for (const part of path) target = (target as Nested | undefined)?.[part];
    return typeof target === "object" && target !== null && Object.hasOwn(target, last);
  }
}

/**
 * Parses command-line arguments: `--key value`, `--key=value`, `--flag`, `--no-flag`, `-k value`, `-abc`, and
 * dotted keys (`--a.b=1` gives `{ a: { b: 1 } }`). What follows `--` is not parsed.
 */
export function parseArgs<
  B extends string | undefined = undefined,
  S extends string | undefined = undefined,
  C extends string | undefined = undefined,
  N extends string | undefined = undefined,
  D extends Record<string, unknown> | undefined = undefined,
  DD extends boolean | undefined = undefined,
>(
  args: string[],
  options: ParseOptions<B, S, C, N, D, DD> = {},
): Args<Flags<B, S, C, D>, DD> {
  const end = args.indexOf("--");
  const queue = end < 0 ? [...args] : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end + 1);
  const parser = new Parser(options as ParseOptions);
  while (queue.length > 0) parser.take(queue);
  parser.finish();
  if (options["--"]) parser.result["--"] = rest;
  else parser.result._.push(...rest);
  return parser.result as unknown as Args<Flags<B, S, C, D>, DD>;
}
