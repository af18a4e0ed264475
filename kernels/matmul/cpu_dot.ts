import {
  type Expr,
  f32x4,
  type FunctionBuilder,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  type Procedure,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall } from "../../engine/kernel.ts";
import { transpose } from "./cpu_pack.ts";
import type { MatmulSizes } from "./sizes.ts";

const ROWS = 2;
const COLUMNS = 4;

/** As `GRAIN_FLOPS`, at the lower rate of dot products. */
const GRAIN_FLOPS = 2e6;

type Dot = Procedure<["i32", "i32", "i32", "i32"]>;

interface DotLayout {
  readonly rows: number;
  readonly columns: number;
  readonly n: number;
  readonly k: number;
  readonly bias: boolean;
}

/**
 * C = A B^T for few rows of A: a weight that is used a few times only is read in place. Lanes run along k, and a
 * transposition at the end sums them. One work item is four columns of C.
 */
export function dotCall({ batch, m, n, k }: MatmulSizes, bias: boolean): CpuCall {
  const groups = Math.ceil(n / COLUMNS);
  return {
    key: `matmul_dot ${m} ${n} ${k} ${bias}`,
    build: () => dotModule(m, n, k, bias),
    bindings: [0, 1, bias ? 3 : 2, bias ? 2 : 1],
    range: batch * groups,
    grain: Math.max(1, Math.ceil(GRAIN_FLOPS / (2 * m * k * COLUMNS))),
  };
}

function dotModule(m: number, n: number, k: number, bias: boolean): Uint8Array<ArrayBuffer> {
  const groups = Math.ceil(n / COLUMNS), lastColumns = n - (groups - 1) * COLUMNS;
  return kernelModule((f) => {
    const [a, b, c, biasAt] = f.pointers(4);
    const whole = defineRows(f, m, { columns: COLUMNS, n, k, bias });
    const partial = lastColumns < COLUMNS ? defineRows(f, m, { columns: lastColumns, n, k, bias }) : whole;
    f.forRange(f.begin, f.end, 1, (item) => {
      const group = f.localI32("group", i32.rem_u(item, groups));
      const matrix = f.localI32("matrix", i32.div_u(item, groups));
      const column = f.localI32("column", i32.mul(group, COLUMNS));
      const at = [
        i32.add(a, i32.mul(matrix, 4 * m * k)),
        i32.add(b, i32.mul(i32.add(i32.mul(matrix, n), column), 4 * k)),
        i32.add(c, i32.mul(i32.add(i32.mul(matrix, m * n), column), 4)),
        i32.add(biasAt, i32.mul(column, 4)),
      ] as const;
      if (partial === whole) f.call(whole, ...at);
      else f.if(i32.eq(group, groups - 1), () => f.call(partial, ...at), () => f.call(whole, ...at));
    });
  });
}

/** All rows of up to four columns. */
function defineRows(kernel: KernelBuilder, m: number, layout: Omit<DotLayout, "rows">): Dot {
  const { columns, n, k } = layout;
  const parameters = ["i32", "i32", "i32", "i32"] as ["i32", "i32", "i32", "i32"];
  const pairs = defineDot(kernel, { ...layout, rows: ROWS });
  const single = m % ROWS > 0 ? defineDot(kernel, { ...layout, rows: 1 }) : undefined;
  return kernel.procedure(`rows${columns}`, parameters, (f, a, b, c, bias) => {
    f.forRange(ROWS, m + 1, ROWS, () => {
      f.call(pairs, a, b, c, bias);
      a.set(i32.add(a, 4 * ROWS * k));
      c.set(i32.add(c, 4 * ROWS * n));
    });
    if (single) f.call(single, a, b, c, bias);
  });
}

function defineDot(kernel: KernelBuilder, { rows, columns, n, k, bias }: DotLayout): Dot {
  const parameters = ["i32", "i32", "i32", "i32"] as ["i32", "i32", "i32", "i32"];
  return kernel.procedure(`dot${rows}x${columns}`, parameters, (f, a, b, c, biasAt) => {
    const sums = Array.from(
      { length: rows },
      (_, r) => Array.from({ length: COLUMNS }, (_, j) => f.localV128(`sum${r}_${j}`)),
    );
    const left = Array.from({ length: rows }, (_, r) => f.localV128(`a${r}`)), right = f.localV128("b");
    const step = () => {
      left.forEach((vector, r) => vector.set(v128.load(a, 4 * r * k)));
      for (let j = 0; j < columns; j++) {
        right.set(v128.load(b, 4 * j * k));
        sums.forEach((row, r) => row[j].set(f32x4.relaxed_madd(left[r], right, row[j])));
      }
      a.set(i32.add(a, 16));
      b.set(i32.add(b, 16));
    };
    step();
    f.forRange(4, k, 4, step);
    sums.forEach((row, r) => {
      const total = sumTransposed(f, row);
      const result = bias ? f32x4.add(total, v128.load(biasAt)) : total;
      storePartial(f, c, f.localV128("result", result), columns, 4 * r * n);
    });
  });
}

/** The sums over the lanes of four vectors, as one vector. */
function sumTransposed(f: FunctionBuilder, vectors: readonly Local<"v128">[]): Expr<"v128"> {
  const [c0, c1, c2, c3] = transpose(f, vectors);
  return f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3));
}
