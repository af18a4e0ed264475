import { ConfigError } from "../engine/core/errors.ts";

/**
 * Checks sizes and counts of a section of a configuration.
 *
 * @throws {ConfigError} for a field that is not a whole number of at least 1
 */
export function positive(section: string, fields: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(fields)) {
    const holds = Number.isInteger(value) && value >= 1;
    wants(holds, `${section}.${name}`, value, "a whole number of at least 1");
  }
}

/**
 * Checks a field of a configuration.
 *
 * @throws {ConfigError} naming the field, its value and what is wanted, where `holds` is false
 */
export function wants(holds: boolean, field: string, value: number, wanted: string): void {
  if (!holds) throw new ConfigError(`Cannot use ${field} ${value}: wanted ${wanted}`);
}
