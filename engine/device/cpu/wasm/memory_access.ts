import { unsignedLeb128 } from "./encoding.ts";
import { type Expr, lift, type Load, node, type Operand, type ValueType } from "./types.ts";

/**
 * Alignment hint and offset of a memory instruction.
 *
 * @throws {RangeError} when the offset is not a whole number from 0 to 2^32 - 1
 */
export function memoryArgument(alignment: number, offset: number): number[] {
  if (!Number.isInteger(offset) || offset < 0 || offset > 0xffffffff) {
    throw new RangeError(
      `Cannot use a memory offset of ${offset} bytes: a whole number of at least 0 is wanted, subtract in the address`,
    );
  }
  return [alignment, ...unsignedLeb128(offset)];
}

/** Makes the load instructions of opcode `code`; `alignment` is a power of two, as an exponent. */
export function loadOf<T extends ValueType>(type: T, code: readonly number[], alignment: number): Load<T> {
  return (address: Operand<"i32">, offset = 0): Expr<T> =>
    node(type, [...code, ...memoryArgument(alignment, offset)], lift("i32", address));
}
