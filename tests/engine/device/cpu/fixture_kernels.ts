import { assert } from "@std/assert";
import { f32 as f32Spec, i32 as i32Spec, type Spec } from "../../../../engine/core/spec.ts";
import type { AnyKernel } from "../../../../engine/kernel.ts";
import { f32, f32x4, i32, kernelModule, v128 } from "../../../../engine/device/cpu/wasm/mod.ts";

const base = {
  cost: () => ({ flops: 0, bytesRead: 0, bytesWritten: 0 }),
  webgpu: () => ({ launches: [] }),
};

interface Affine {
  readonly scale: number;
}

/**
 * y = scale * x^2, in two calls: the first squares into scratch, the second scales, and each lane notes its number in
 * scratch of its own. Work items are groups of 16 elements.
 */
export const scaledSquare: AnyKernel = {
  ...base,
  name: "scaled_square",
  infer: ([x]: readonly Spec[]) => [x, i32Spec(x.shape[0] / 16)],
  reference: () => {},
  cpu: ([x]: readonly Spec[], { scale }: Affine) => {
    const range = x.shape[0] / 16;
    const square = kernelModule((f) => {
      const [from, to] = f.pointers(2);
      f.forRange(i32.shl(f.begin, 6), i32.shl(f.end, 6), 16, (at) => {
        const v = f.localV128("v", v128.load(i32.add(from, at)));
        f.storeV128(i32.add(to, at), f32x4.mul(v, v));
      });
    });
    const finish = kernelModule((f) => {
      const [squares, y, lanes, own] = f.pointers(4);
      const mine = f.localI32("mine", i32.add(own, i32.mul(f.lane, 64)));
      f.storeI32(mine, f.lane);
      f.forRange(f.begin, f.end, 1, (i) => {
        const at = f.localI32("at", i32.shl(i, 6));
        for (let offset = 0; offset < 64; offset += 16) {
          const v = v128.load(i32.add(squares, at), offset);
          f.storeV128(i32.add(y, at), f32x4.mul(v, f.f32x4(scale)), offset);
        }
        f.storeI32(i32.add(lanes, i32.shl(i, 2)), i32.load(mine));
      });
    });
    return {
      scratch: [{ spec: x }, { spec: f32Spec(16), perLane: true }],
      calls: [
        { key: "test square", build: () => square, bindings: [0, 3], range, grain: 2 },
        { key: `test scale ${scale}`, build: () => finish, bindings: [3, 1, 2, 4], range, grain: 2 },
      ],
    };
  },
};

/** No WASM code: y = x + 1 in f64, and counts its calls in its second input. */
export const slowIncrement: AnyKernel = {
  ...base,
  name: "slow_increment",
  mutates: [1],
  infer: ([x]: readonly Spec[]) => [x],
  reference: ([x, count], [y]) => {
    assert(x.data instanceof Float64Array && count.data instanceof Int32Array);
    x.data.forEach((value, i) => y.data[i] = value + 1);
    count.data[0]++;
  },
};

/** Reads far outside the memory. */
export const trapping: AnyKernel = {
  ...base,
  name: "trapping",
  infer: ([x]: readonly Spec[]) => [x],
  reference: () => {},
  cpu: () => ({
    calls: [{
      key: "test trap",
      build: () => kernelModule((f) => f.storeF32(i32.const(0), f32.load(0xfffffff0))),
      bindings: [0, 1],
      range: 8,
      grain: 1,
    }],
  }),
};
