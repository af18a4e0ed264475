import type { Binding, Limits, Slot } from "../../kernel.ts";

/** Bytes that a binding's offset must be a multiple of on every adapter (`minStorageBufferOffsetAlignment`). */
export const BINDING_ALIGNMENT = 256;

/** Some consecutive items of a tensor: experts of a stack, elements of a vector. */
export interface ItemRange {
  /** First item. */
  readonly first: number;
  /** Number of items. */
  readonly count: number;
}

/**
 * Cuts a tensor of `count` items into ranges that can be bound one at a time: one range where the whole can be bound,
 * or where no cut would help, which `lower` then refuses.
 *
 * @param itemBytes bytes of an item in the largest operand that is cut
 * @param fewest bytes of an item in the smallest operand that is cut
 */
export function bindingRanges(
  count: number,
  itemBytes: number,
  limits: Limits,
  fewest: number = itemBytes,
): readonly ItemRange[] {
  const whole = [{ first: 0, count }];
  const most = limits.maxStorageBufferBindingSize;
  if (count * itemBytes <= most) return whole;
  const together = alignedItems(fewest);
  const each = Math.floor(most / itemBytes / together) * together;
  if (each === 0) return whole;
  return Array.from({ length: Math.ceil(count / each) }, (_, i) => ({
    first: i * each,
    count: Math.min(each, count - i * each),
  }));
}

/** Binds a range of a slot's items: the slot as it is where the range is all of them. */
export function bindItems(slot: Slot, { first, count }: ItemRange, itemBytes: number, all: number): Binding {
  return count === all ? slot : { slot, offset: first * itemBytes, size: count * itemBytes };
}

/** Fewest items whose bytes are a multiple of the alignment. */
function alignedItems(itemBytes: number): number {
  let items = 1;
  while (items * itemBytes % BINDING_ALIGNMENT !== 0) items *= 2;
  return items;
}
