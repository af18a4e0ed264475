/**
 * Errors of the engine. Messages are in sentence case without a final period and name the value that was
 * given, the value that is wanted, and the module where it happened.
 *
 * @module
 */

/** Shapes that do not fit. */
export class ShapeError extends TypeError {
  /** Name of the class. */
  override name = "ShapeError";
}

/** Element types that do not fit. */
export class DTypeError extends TypeError {
  /** Name of the class. */
  override name = "DTypeError";
}

/** A device that is missing, lost, out of memory, or refused a kernel. */
export class DeviceError extends Error {
  /** Name of the class. */
  override name = "DeviceError";
}

/** A checkpoint that is broken, hostile, or of another configuration. */
export class CheckpointError extends Error {
  /** Name of the class. */
  override name = "CheckpointError";
}

/** A configuration with an unknown field or a value of the wrong type or range. */
export class ConfigError extends Error {
  /** Name of the class. */
  override name = "ConfigError";
}

/** A loss or activation that is no longer a finite number; names the first module that produced it. */
export class NonFiniteError extends Error {
  /** Name of the class. */
  override name = "NonFiniteError";
}

/** A data set that is missing, empty or holds a broken file. */
export class DataError extends Error {
  /** Name of the class. */
  override name = "DataError";
}

/** Adds ` in "blocks.3.attn"` to the first clause of a message, unless it names a module already. */
export function withModulePath<E extends Error>(error: E, path: string): E {
  if (path === "" || error.message.includes(' in "')) return error;
  const colon = error.message.indexOf(":");
  const where = ` in "${path}"`;
  error.message = colon < 0
    ? error.message + where
    : error.message.slice(0, colon) + where + error.message.slice(colon);
  return error;
}
