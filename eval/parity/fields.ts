import { ConfigError } from "../../engine/core/errors.ts";

/**
 * Reads a section of a golden file's configuration and remembers what was read, so that a switch nobody looks at is
 * an error: it would silently run another model than the file's.
 */
export class Fields {
  readonly #unread: Set<string>;

  /**
   * @param where name of the section, for errors
   * @throws {ConfigError} when `values` is not an object
   */
  constructor(readonly where: string, private readonly values: unknown) {
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw new ConfigError(`Cannot read ${where}: wanted an object, got ${JSON.stringify(values)}`);
    }
    this.#unread = new Set(Object.keys(values));
  }

  /** Whether a field is there and not null. */
  has(name: string): boolean {
    return (this.values as Record<string, unknown>)[name] !== undefined && this.#value(name) !== null;
  }

  /** A field of any type. */
  value(name: string): unknown {
    return this.#value(name);
  }

  /** Names of the fields. */
  keys(): string[] {
    return Object.keys(this.values as object);
  }

  /** @throws {ConfigError} when it is not text */
  text(name: string): string {
    const value = this.#value(name);
    return typeof value === "string" ? value : this.#refuse(name, "text");
  }

  /** @throws {ConfigError} when it is not a number */
  number(name: string, fallback?: number): number {
    const value = this.has(name) ? this.#value(name) : fallback;
    return typeof value === "number" ? value : this.#refuse(name, "a number");
  }

  /** A number, or null where the field is null or absent. */
  optionalNumber(name: string): number | null {
    return this.has(name) ? this.number(name) : null;
  }

  /** @throws {ConfigError} when it is not true or false */
  flag(name: string, fallback?: boolean): boolean {
    const value = this.has(name) ? this.#value(name) : fallback;
    return typeof value === "boolean" ? value : this.#refuse(name, "true or false");
  }

  /** @throws {ConfigError} when it is none of `choices` */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.#value(name));
    return found ?? this.#refuse(name, `one of ${choices.join(", ")}`);
  }

  /** @throws {ConfigError} when it is not a list of numbers */
  numbers(name: string): number[] {
    const value = this.#value(name);
    const fits = Array.isArray(value) && value.every((item) => typeof item === "number");
    return fits ? value : this.#refuse(name, "a list of numbers");
  }

  /** @throws {ConfigError} when it is not a list of names */
  names(name: string): string[] {
    const value = this.has(name) ? this.#value(name) : [];
    const fits = Array.isArray(value) && value.every((item) => typeof item === "string");
    return fits ? value : this.#refuse(name, "a list of names");
  }

  /** @throws {ConfigError} when it is not an object */
  section(name: string): Fields {
    return new Fields(`${this.where}.${name}`, this.#value(name) ?? null);
  }

  /** @throws {ConfigError} when it is not a list of objects */
  sections(name: string): Fields[] {
    const value = this.has(name) ? this.#value(name) : [];
    if (!Array.isArray(value)) return this.#refuse(name, "a list of objects");
    return value.map((item, i) => new Fields(`${this.where}.${name}[${i}]`, item));
  }

  /** Names fields that change nothing in this kind of case. */
  ignore(...names: string[]): void {
    for (const name of names) this.#unread.delete(name);
  }

  /**
   * Names switches that are always on here.
   *
   * @throws {ConfigError} for one that is not
   */
  requireOn(...names: string[]): void {
    for (const name of names) if (this.#value(name) !== true) this.#refuse(name, "it to be on");
  }

  /**
   * Names switches that are not supported and must be off.
   *
   * @throws {ConfigError} for one that is on
   */
  requireOff(...names: string[]): void {
    for (const name of names) {
      if (this.has(name) && this.#value(name) !== false && this.#value(name) !== 0) {
        this.#refuse(name, "it to be off, since it is not supported");
      }
    }
  }

  /**
   * Ends the section.
   *
   * @throws {ConfigError} naming the fields that were not read
   */
  finish(): void {
    if (this.#unread.size === 0) return;
    const names = [...this.#unread].map((name) => `${this.where}.${name}`).join(", ");
    throw new ConfigError(`Cannot run this configuration: ${names} is not supported`);
  }

  #value(name: string): unknown {
    this.#unread.delete(name);
    return (this.values as Record<string, unknown>)[name];
  }

  #refuse(name: string, wanted: string): never {
    throw new ConfigError(
      `Cannot use ${this.where}.${name} ${JSON.stringify(this.#value(name))}: wanted ${wanted}`,
    );
  }
}
