import type { Gemm } from "../../kernel.ts";
import { addressOf, type Blas } from "./blas.ts";

/** Pieces begin at multiples of this many rows or columns, which suits the register tiles of any library. */
const ALIGNED = 16;

/** Longest sum that the library is given: it may add one term after the other, and errors grow with their number. */
const LONGEST_SUM = 2048;

const ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112;

/** Order of the argument block of a call. */
const A = 0, B = 1, C = 2, BIAS = 3, COUNTS = 4, OFFSETS = 5;

/** What one group adds to a piece: rows `[from, to)` of its C, or columns. */
interface Share {
  readonly group: number;
  /** Rows of the group where there are groups. */
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Does pieces of a product. The work of all groups, one after the other, is cut into equal pieces, so that lanes are
 * busy alike whatever sizes the groups have. Positions are in elements, counted from the start of the memory.
 */
export class BlasProduct {
  readonly #gemm: Gemm;
  readonly #pieces: number;
  readonly #memory: WebAssembly.Memory;
  readonly #blas: Blas;
  /** Whether pieces are columns of C: the longer side is cut, since each piece reads all of the other operand. */
  readonly #byColumns: boolean;
  #buffer: ArrayBufferLike | undefined;
  #words: Int32Array = new Int32Array();
  #floats: Float32Array = new Float32Array();
  #base = 0;

  /** Multiplies in `memory`. */
  constructor(gemm: Gemm, pieces: number, memory: WebAssembly.Memory, blas: Blas) {
    this.#gemm = gemm;
    this.#pieces = pieces;
    this.#memory = memory;
    this.#blas = blas;
    this.#byColumns = !gemm.groups && gemm.n > gemm.m;
  }

  /** Does the pieces `[begin, end)`; `args` is the address of six addresses: A, B, C, bias, counts, offsets. */
  run(args: number, begin: number, end: number): void {
    this.#view();
    for (let piece = begin; piece < end; piece++) {
      this.#doPiece(args >>> 2, piece);
      if (this.#gemm.groups) this.#clear(args >>> 2, piece);
    }
  }

  /** Views the memory again where it has grown. */
  #view(): void {
    const { buffer } = this.#memory;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#floats = new Float32Array(buffer);
    this.#base = addressOf(buffer);
  }

  #position(args: number, argument: number): number {
    return this.#words[args + argument] >>> 2;
  }

  #doPiece(args: number, piece: number): void {
    const { m, n, batch, groups } = this.#gemm;
    const words = this.#words, counts = this.#position(args, COUNTS);
    let total = groups ? 0 : batch;
    for (let group = 0; groups && group < batch; group++) total += words[counts + group];
    const begin = total * piece / this.#pieces, end = total * (piece + 1) / this.#pieces;
    for (let group = 0, before = 0; group < batch; group++) {
      const count = groups ? words[counts + group] : 1;
      const length = groups?.along === "m" ? count : this.#byColumns ? n : m;
      const from = cut(begin - before, count, length), to = cut(end - before, count, length);
      if (from < to) this.#multiply(args, { group, count, from, to });
      before += count;
    }
  }

  #multiply(args: number, { group, count, from, to }: Share): void {
    const { m, n, k, bias, addend, groups } = this.#gemm;
    const first = groups ? this.#words[this.#position(args, OFFSETS) + group] : 0;
    const row = this.#byColumns ? 0 : groups?.along === "m" ? first + from : from;
    const column = this.#byColumns ? from : 0;
    const rows = this.#byColumns ? m : to - from, columns = this.#byColumns ? to - from : n;
    const c = this.#position(args, C) + this.#startC(group) + row * n + column;
    if (bias !== undefined) this.#fillRows(this.#position(args, BIAS) + column, c, rows, columns);
    if (addend !== undefined) {
      this.#copyRows(c + this.#position(args, BIAS) - this.#position(args, C), c, rows, columns);
    }
    let depth = groups?.along === "k" ? first : 0, left = groups?.along === "k" ? count : k;
    let beta = bias === undefined && addend === undefined ? 0 : 1;
    for (; left > 0; depth += LONGEST_SUM, left -= LONGEST_SUM, beta = 1) {
      const a = this.#position(args, A) + this.#startA(group, row, depth);
      const b = this.#position(args, B) + this.#startB(group, depth, column);
      this.#sgemm(rows, columns, Math.min(LONGEST_SUM, left), a, b, beta, c);
    }
  }

  #sgemm(rows: number, columns: number, depth: number, a: number, b: number, beta: number, c: number): void {
    const { m, n, k, transA, transB } = this.#gemm;
    this.#blas.sgemm(
      ROW_MAJOR,
      transA ? TRANSPOSED : AS_IT_IS,
      transB ? TRANSPOSED : AS_IT_IS,
      rows,
      columns,
      depth,
      1,
      this.#base + 4 * a,
      transA ? m : k,
      this.#base + 4 * b,
      transB ? k : n,
      beta,
      this.#base + 4 * c,
      n,
    );
  }

  #startA(group: number, row: number, depth: number): number {
    const { m, k, transA, groups } = this.#gemm;
    return (groups ? 0 : group * m * k) + (transA ? depth * m + row : row * k + depth);
  }

  #startB(group: number, depth: number, column: number): number {
    const { n, k, transB, groups } = this.#gemm;
    return (groups?.along === "k" ? 0 : group * k * n) + (transB ? column * k + depth : depth * n + column);
  }

  #startC(group: number): number {
    return this.#gemm.groups?.along === "m" ? 0 : group * this.#gemm.m * this.#gemm.n;
  }

  /** Writes the bias into rows of C, for the library to add to. */
  #fillRows(bias: number, c: number, rows: number, columns: number): void {
    const floats = this.#floats, { n } = this.#gemm;
    floats.copyWithin(c, bias, bias + columns);
    if (columns < n) {
      for (let row = 1; row < rows; row++) floats.copyWithin(c + row * n, bias, bias + columns);
      return;
    }
    for (let done = n; done < rows * n; done *= 2) {
      floats.copyWithin(c + done, c, c + Math.min(done, rows * n - done));
    }
  }

  /** Copies rows of the addend into rows of C, for the library to add to. */
  #copyRows(from: number, c: number, rows: number, columns: number): void {
    const { n } = this.#gemm;
    const [runs, run] = columns < n ? [rows, columns] : [1, rows * n];
    for (let row = 0; row < runs; row++) {
      this.#floats.copyWithin(c + row * n, from + row * n, from + row * n + run);
    }
  }

  /** Rows that are in no group: zeros, or the addend. */
  #fillRest(args: number, c: number, from: number, to: number): void {
    if (this.#gemm.addend === undefined) return void this.#floats.fill(0, c + from, c + to);
    const addend = this.#position(args, BIAS);
    this.#floats.copyWithin(c + from, addend + from, addend + to);
  }

  /** Zeros what no product writes: rows of C behind a group along m, all of C of an empty one along k. */
  #clear(args: number, piece: number): void {
    const { m, n, batch, groups } = this.#gemm;
    const words = this.#words, c = this.#position(args, C);
    const counts = this.#position(args, COUNTS), offsets = this.#position(args, OFFSETS);
    for (let group = piece; group < batch; group += this.#pieces) {
      const count = words[counts + group];
      if (groups?.along === "m") {
        const from = words[offsets + group] + count;
        const to = group === batch - 1 ? m : words[offsets + group + 1];
        if (from < to) this.#fillRest(args, c, from * n, to * n);
      } else if (count === 0) this.#floats.fill(0, c + group * m * n, c + (group + 1) * m * n);
    }
  }
}

/** Where position `at` of a group of weight `weight` cuts its `length` rows or columns. */
function cut(at: number, weight: number, length: number): number {
  if (at <= 0) return 0;
  if (at >= weight) return length;
  return Math.min(length, ALIGNED * Math.round(length * at / weight / ALIGNED));
}
