import {
  f32x4,
  type FunctionBuilder,
  i32,
  kernelModule,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall } from "../../engine/kernel.ts";
import { smaller } from "../matmul/cpu.ts";

/** Elements of a work item. */
const SUM_ELEMENTS = 4096;

/** to`[elements]` = the sum of from`[splits, elements]`, one after the other. */
export function sumCall(elements: number, splits: number, bindings: readonly number[]): CpuCall {
  return {
    key: `conv2d_sum ${elements} ${splits}`,
    build: () => sumModule(elements, splits),
    bindings,
    range: Math.ceil(elements / SUM_ELEMENTS),
    grain: 4,
  };
}

function sumModule(elements: number, splits: number): Uint8Array<ArrayBuffer> {
  return kernelModule((f) => {
    const [from, to] = f.pointers(2);
    const add = (f: FunctionBuilder, at: Local<"i32">, count: number) => {
      const source = f.localI32("source", i32.add(from, at));
      const sum = f.localV128("sum", v128.load(source));
      f.forRange(1, splits, 1, () => {
        source.set(i32.add(source, 4 * elements));
        sum.set(f32x4.add(sum, v128.load(source)));
      });
      storePartial(f, i32.add(to, at), sum, count);
    };
    const first = f.localI32("first", i32.mul(f.begin, 4 * SUM_ELEMENTS));
    const end = f.localI32("end", i32.mul(f.end, 4 * SUM_ELEMENTS));
    const whole = 16 * Math.floor(elements / 4);
    f.forRange(first, smaller(f, end, whole), 16, (at) => add(f, at, 4));
    if (elements % 4 > 0) f.if(i32.gt_s(end, whole), () => add(f, f.localI32("at", whole), elements % 4));
  });
}
