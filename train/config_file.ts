/**
 * Configurations from files and command lines, checked against a default configuration: a key must exist
 * there and a value must be of the default's type. Everything but {@linkcode readConfigFile} is pure.
 *
 * @module
 */
import { distance } from "fastest-levenshtein";
import { CORE_SCHEMA, loadAll } from "js-yaml";
import { ConfigError } from "../engine/core/errors.ts";

/** Types that a field of a configuration may have. */
export type FieldType = "number" | "integer" | "boolean" | "string" | "numbers";

/** What cannot be read off a default value. */
export interface FieldRule {
  /** Needed where the default is null, or where only whole numbers are wanted. */
  readonly type?: FieldType;
  /** The strings that are allowed. */
  readonly oneOf?: readonly string[];
  /** Whether null (`null` or `none` on a command line) is allowed; always so where the default is null. */
  readonly nullable?: boolean;
}

/** Rules by dotted name: `{ "model.depth": { type: "integer" } }`. */
export type ConfigSchema = Readonly<Record<string, FieldRule>>;

type Group = Readonly<Record<string, unknown>>;

/** How errors call a field: with two dashes on a command line, and with the file's name in a file. */
interface Origin {
  readonly prefix: string;
  readonly where: string;
}

const COMMAND_LINE: Origin = { prefix: "--", where: "" };

/**
 * Reads a YAML (or JSON) file into plain data.
 *
 * @throws {ConfigError} when the file is missing, is not YAML, or does not hold a mapping
 */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(`Cannot read the configuration "${path}": ${firstLine(error)}`);
  }
  return parseConfig(text, path);
}

/**
 * Parses YAML (or JSON) text into plain data; an empty text gives an empty configuration.
 *
 * @param name the file's name, for the error
 * @throws {ConfigError} when the text is not YAML or does not hold a mapping
 */
export function parseConfig(text: string, name: string): Record<string, unknown> {
  let documents: readonly unknown[];
  try {
    documents = loadAll(text, { schema: CORE_SCHEMA });
  } catch (error) {
    throw new ConfigError(`Cannot parse the configuration "${name}": ${firstLine(error)}`);
  }
  const data = documents.length > 1 ? documents : documents[0] ?? {};
  if (!isGroup(data)) {
    throw new ConfigError(
      `Cannot use the configuration "${name}": a mapping of fields wanted, got ${show(data)}`,
    );
  }
  return data as Record<string, unknown>;
}

/**
 * A copy of `defaults` with the values of a file in their places.
 *
 * @param name the file's name, for the error
 * @throws {ConfigError} naming the field, when it does not exist or its value is of another type
 */
export function mergeConfig<T extends object>(
  defaults: T,
  fromFile: Readonly<Record<string, unknown>>,
  schema: ConfigSchema = {},
  name = "",
): T {
  const config = structuredClone(defaults);
  const origin = { prefix: "", where: name === "" ? "" : ` in "${name}"` };
  for (const [path, value] of leaves(fromFile, config as Group)) {
    setField(config as Group, path, schema, origin, { given: value, read: (rule) => accept(value, rule) });
  }
  return config;
}

/**
 * A copy of `config` with the overrides of a command line in their places: `{ "model.depth": "4" }` for
 * `--model.depth=4`. Number arrays are written `1,2,3`.
 *
 * @throws {ConfigError} naming the option, when it does not exist or its text is not of the field's type
 */
export function applyOverrides<T extends object>(
  config: T,
  overrides: Readonly<Record<string, string>>,
  schema: ConfigSchema = {},
): T {
  const result = structuredClone(config);
  for (const [path, text] of Object.entries(overrides)) {
    setField(result as Group, path, schema, COMMAND_LINE, {
      given: text,
      read: (rule) => accept(parseText(text, rule), rule),
    });
  }
  return result;
}

/** The dotted names of all fields, in order: `["model.depth", "model.width", "steps"]`. */
export function fieldNames(config: object): string[] {
  return leaves(config as Group, config as Group).map(([path]) => path);
}

/** Pairs of dotted name and value; a mapping is entered only where `shape` has a group of that name. */
function leaves(data: Group, shape: Group, prefix = ""): [string, unknown][] {
  return Object.entries(data).flatMap(([key, value]) => {
    const inner = own(shape, key);
    return isGroup(value) && isGroup(inner)
      ? leaves(value, inner, `${prefix}${key}.`)
      : [[prefix + key, value] as [string, unknown]];
  });
}

/** A value before it is known to fit; `read` gives undefined where it does not. */
interface Given {
  readonly given: unknown;
  read(rule: ResolvedRule): unknown;
}

function setField(config: Group, path: string, schema: ConfigSchema, origin: Origin, value: Given): void {
  const keys = path.split(".");
  const last = keys.pop() as string;
  const group = keys.reduce<unknown>((inner, key) => isGroup(inner) ? own(inner, key) : undefined, config);
  const current = isGroup(group) ? own(group, last) : undefined;
  if (!isGroup(group) || current === undefined) throw unknownField(config, path, origin);
  if (isGroup(current)) {
    const example = leaves(current, current, `${path}.`)[0][0];
    throw new ConfigError(
      `Cannot set ${origin.prefix}${path}${origin.where} to ${show(value.given)}: it is a group, ` +
        `set one of its fields, such as ${origin.prefix}${example}`,
    );
  }
  const rule = resolveRule(path, current, schema);
  const accepted = value.read(rule);
  if (accepted === undefined) {
    throw new ConfigError(
      `Cannot set ${origin.prefix}${path}${origin.where} to ${show(value.given)}: ${
        describe(rule)
      } is wanted`,
    );
  }
  (group as Record<string, unknown>)[last] = accepted;
}

interface ResolvedRule {
  readonly type: FieldType;
  readonly oneOf?: readonly string[];
  readonly nullable: boolean;
}

function resolveRule(path: string, current: unknown, schema: ConfigSchema): ResolvedRule {
  const rule = Object.hasOwn(schema, path) ? schema[path] : {};
  const type = rule.type ?? (rule.oneOf ? "string" : typeOf(current));
  if (!type) {
    throw new ConfigError(`Cannot tell the type of ${path} from ${show(current)}: the schema must name it`);
  }
  return { type, oneOf: rule.oneOf, nullable: rule.nullable ?? current === null };
}

function typeOf(value: unknown): FieldType | undefined {
  if (Array.isArray(value)) return "numbers";
  const type = typeof value;
  return type === "number" || type === "boolean" || type === "string" ? type : undefined;
}

/** The value itself where it fits the rule, and otherwise undefined. */
function accept(value: unknown, rule: ResolvedRule): unknown {
  if (value === null) return rule.nullable ? null : undefined;
  const fits = {
    number: () => Number.isFinite(value),
    integer: () => Number.isSafeInteger(value),
    boolean: () => typeof value === "boolean",
    string: () => typeof value === "string" && (rule.oneOf?.includes(value) ?? true),
    numbers: () => Array.isArray(value) && value.every(Number.isFinite),
  };
  return fits[rule.type]() ? value : undefined;
}

/** What the text of an override stands for; undefined where it is not written as the rule's type is. */
function parseText(text: string, rule: ResolvedRule): unknown {
  if (rule.nullable && (text === "null" || text === "none")) return null;
  switch (rule.type) {
    case "string":
      return text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "numbers":
      return text === "" ? [] : text.split(",").map(parseNumber);
    default:
      return parseNumber(text);
  }
}

/** Decimal notation only: `Number()` alone would read "" as 0 and "0x10" as 16. */
function parseNumber(text: string): number {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : NaN;
}

function describe({ type, oneOf, nullable }: ResolvedRule): string {
  const names: Record<FieldType, string> = {
    number: "a finite number",
    integer: "a whole number",
    boolean: "true or false",
    string: "a text",
    numbers: "a list of finite numbers",
  };
  const values = oneOf?.map((value) => JSON.stringify(value)).join(", ");
  return (values ? `one of ${values}` : names[type]) + (nullable ? ", or null," : "");
}

function unknownField(config: Group, path: string, { prefix, where }: Origin): ConfigError {
  const names = fieldNames(config);
  const sameEnd = names.find((name) => name.endsWith(`.${path}`));
  const nearest = sameEnd ??
    [...names, ...groupNames(names)].reduce((a, b) => distance(path, b) < distance(path, a) ? b : a);
  const close = sameEnd !== undefined || distance(path, nearest) <= Math.max(2, path.length / 3);
  const hint = close
    ? `did you mean ${prefix}${nearest}?`
    : `known are ${names.map((name) => prefix + name).join(", ")}`;
  return new ConfigError(`Unknown option ${prefix}${path}${where}: ${hint}`);
}

/** Everything that comes before a dot. */
function groupNames(names: readonly string[]): string[] {
  const groups = names.flatMap((name) => {
    const keys = name.split(".");
    return keys.slice(1).map((_, i) => keys.slice(0, i + 1).join("."));
  });
  return [...new Set(groups)];
}

/** Only a configuration's own keys count: `constructor` and `__proto__` are unknown like any other. */
function own(group: Group, key: string): unknown {
  return Object.hasOwn(group, key) ? group[key] : undefined;
}

function isGroup(value: unknown): value is Group {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0].replace(/[.:]$/, "");
}
