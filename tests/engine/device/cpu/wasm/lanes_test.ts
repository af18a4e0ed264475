import { assertEquals, assertThrows } from "@std/assert";
import {
  f32x4,
  keepLanes,
  maxLanes,
  storePartial,
  sumLanes,
  v128,
} from "../../../../../engine/device/cpu/wasm/mod.ts";
import { runKernel } from "./harness.ts";

Deno.test("`sumLanes()` and `maxLanes()` combine four lanes", () => {
  const out = new Float32Array(3);
  runKernel((f) => {
    const [y, x] = f.pointers(2);
    f.storeF32(y, sumLanes(f, v128.load(x)));
    f.storeF32(y, maxLanes(f, f32x4.neg(v128.load(x))), 4);
    f.storeF32(y, maxLanes(f, keepLanes(f, v128.load(x), 2, -Infinity)), 8);
  }, [out, new Float32Array([1e8, -3, -1e8, 0.5])]);
  assertEquals([...out], [-2.5, 1e8, 1e8]);
});

Deno.test("`storePartial()` writes `count` lanes and not a byte more", () => {
  for (const count of [1, 2, 3, 4]) {
    const out = new Float32Array(count);
    runKernel((f) => {
      const [y] = f.pointers(1);
      storePartial(f, y, f.f32x4(1, 2, 3, 4), count);
    }, [out]);
    assertEquals([...out], [1, 2, 3, 4].slice(0, count));
    const shifted = new Float32Array(count + 2);
    runKernel((f) => {
      const [y] = f.pointers(1);
      storePartial(f, y, f32x4.add(f.f32x4(1, 2, 3, 4), f.f32x4(1)), count, 8);
    }, [shifted]);
    assertEquals([...shifted], [0, 0, ...[2, 3, 4, 5].slice(0, count)]);
  }
});

Deno.test("`keepLanes()` fills the lanes behind a row's end", () => {
  for (const count of [1, 2, 3, 4]) {
    const out = new Float32Array(8);
    runKernel((f) => {
      const [y] = f.pointers(1);
      f.storeV128(y, keepLanes(f, f.f32x4(1, 2, 3, NaN), count, 0));
      f.storeV128(y, keepLanes(f, f.f32x4(1, 2, 3, NaN), count, -7), 16);
    }, [out]);
    const kept = [1, 2, 3, NaN].slice(0, count);
    const filled = (fill: number) => [...kept, ...new Array(4 - count).fill(fill)];
    assertEquals([...out], [...filled(0), ...filled(-7)]);
  }
});

Deno.test("`storePartial()` refuses other counts than 1 to 4", () => {
  assertThrows(
    () => runKernel((f) => storePartial(f, 0, f.f32x4(1), 5), []),
    RangeError,
    "Cannot handle 5 lanes",
  );
});
