import { unsignedLeb128 } from "./encoding.ts";
import { CodeWriter, type Local } from "./code_writer.ts";
import { i32 } from "./scalar.ts";
import { type Expr, lift, node, type Operand, type ValueType } from "./types.ts";

/** A block that `break` can leave. */
export interface Label {
  /** Constructs around its body, itself included. */
  readonly depth: number;
}

/** Arguments for parameters of types `P`. */
export type Operands<P extends readonly ValueType[]> = { readonly [K in keyof P]: Operand<P[K]> };

/** A helper that returns nothing; `f.call` runs it. */
export interface Procedure<P extends readonly ValueType[]> {
  /** Number of the function in its module. */
  readonly index: number;
  /** Types of its parameters. */
  readonly parameters: P;
}

/** A call of function `index` on `args`. */
export function callNode<T extends ValueType>(
  result: T,
  index: number,
  parameters: readonly ValueType[],
  args: readonly (Expr | number)[],
): Expr<T> {
  return node(result, [0x10, ...unsignedLeb128(index)], ...args.map((arg, i) => lift(parameters[i], arg)));
}

/** Writes one function: straight-line code, and structured control flow in the shape of the loop nest. */
export class FunctionBuilder extends CodeWriter {
  #depth = 0;

  /** Runs `then` where `condition` is not 0, and `otherwise` where it is. */
  if(condition: Operand<"i32">, then: () => void, otherwise?: () => void): void {
    this.write(node("i32", [0x04, 0x40], lift("i32", condition)));
    this.#nested(then);
    if (otherwise) {
      this.body.push(0x05);
      this.#nested(otherwise);
    }
    this.body.push(0x0b);
  }

  /** A block that `f.break(label)` leaves. */
  block(body: (label: Label) => void): void {
    this.body.push(0x02, 0x40);
    this.#nested(body);
    this.body.push(0x0b);
  }

  /** Leaves the block of `label`, where `condition` (if given) is not 0. */
  break(label: Label, condition?: Operand<"i32">): void {
    const jump = unsignedLeb128(this.#depth - label.depth);
    if (condition === undefined) this.body.push(0x0c, ...jump);
    else this.write(node("i32", [0x0d, ...jump], lift("i32", condition)));
  }

  /** Repeats `body` while `condition` is not 0; `label` leaves the loop. */
  while(condition: Operand<"i32">, body: (label: Label) => void): void {
    this.block((done) =>
      this.#loop((again) => {
        this.break(done, i32.eqz(condition));
        body(done);
        this.break(again);
      })
    );
  }

  /**
   * Counts `i` from `begin` while `i < end` (signed) in steps of `step`. Bounds are computed once, before the loop;
   * constant bounds cost no test before the first round, and no loop where there is one round or none.
   */
  forRange(
    begin: Operand<"i32">,
    end: Operand<"i32">,
    step: Operand<"i32">,
    body: (i: Local<"i32">) => void,
  ): void {
    this.#count(i32.lt_s, begin, end, step, body);
  }

  /** Counts from 0 to `count - 1`. */
  forCount(count: Operand<"i32">, body: (i: Local<"i32">) => void): void {
    this.forRange(0, count, 1, body);
  }

  /** As `forRange`, comparing unsigned, for addresses: they exceed 2 GiB. */
  forAddress(
    begin: Operand<"i32">,
    end: Operand<"i32">,
    step: Operand<"i32">,
    body: (address: Local<"i32">) => void,
  ): void {
    this.#count(i32.lt_u, begin, end, step, body);
  }

  /**
   * Visits `count` consecutive 4-byte elements as vectors: `body(at, offset, lanes, slot)` handles `lanes` elements
   * at byte `at + offset` of the row, `offset` being an immediate for loads and stores. `lanes` is 4 except in the
   * last, shorter step. A loop round holds `unroll` steps; `slot` counts them (for separate accumulators).
   */
  forVectors(
    count: number,
    body: (at: Expr<"i32">, offset: number, lanes: number, slot: number) => void,
    unroll = 1,
  ): void {
    const vectors = Math.floor(count / 4),
      rounds = Math.floor(vectors / unroll),
      whole = 16 * unroll * rounds;
    if (rounds > 1) {
      this.forRange(0, whole, 16 * unroll, (at) => {
        for (let slot = 0; slot < unroll; slot++) body(at, 16 * slot, 4, slot);
      });
    }
    const zero = i32.const(0);
    for (let offset = rounds > 1 ? whole : 0, slot = 0; offset < 4 * count; offset += 16, slot++) {
      body(zero, offset, Math.min(4, count - offset / 4), slot % unroll);
    }
  }

  /** Leaves a function that returns nothing. */
  return(): void {
    this.body.push(0x0f);
  }

  /** Runs a helper that returns nothing. */
  call<const P extends readonly ValueType[]>(procedure: Procedure<P>, ...args: Operands<P>): void {
    this.write(callNode("i32", procedure.index, procedure.parameters, args as readonly (Expr | number)[]));
  }

  #nested(body: (label: Label) => void): void {
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
  }

  #loop(body: (again: Label) => void): void {
    this.body.push(0x03, 0x40);
    this.#nested(body);
    this.body.push(0x0b);
  }

  #count(
    less: typeof i32.lt_s,
    begin: Operand<"i32">,
    end: Operand<"i32">,
    step: Operand<"i32">,
    body: (i: Local<"i32">) => void,
  ): void {
    const stop = this.#bound("end", end), stride = this.#bound("step", step);
    const first = lift("i32", begin).constant, last = stop.constant;
    const known = first !== undefined && last !== undefined;
    const sign = less === i32.lt_s ? 0 : 0x80000000;
    const before = (a: number, b: number) => (a ^ sign) < (b ^ sign);
    if (known && !before(first, last)) return;
    const i = this.localI32("i", begin);
    const rounds = () =>
      this.#loop((again) => {
        body(i);
        i.set(i32.add(i, stride));
        this.break(again, less(i, stop));
      });
    if (!known) this.if(less(i, stop), rounds);
    else if (stride.constant !== undefined && !before(first + stride.constant, last)) body(i);
    else rounds();
  }

  /** A bound that is neither constant nor local is computed once. */
  #bound(name: string, value: Operand<"i32">): Expr<"i32"> {
    const bound = lift("i32", value);
    return bound.constant !== undefined || bound.owner ? bound : this.localI32(name, bound);
  }
}
