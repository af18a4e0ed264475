import { assertEquals, assertThrows } from "@std/assert";
import { f32, i32, kernelModule } from "../../../../../engine/device/cpu/wasm/mod.ts";
import type { Expr, KernelBuilder } from "../../../../../engine/device/cpu/wasm/mod.ts";
import { computeF32, computeI32, runKernel } from "./harness.ts";

/** A kernel that notes numbers one after another, for looking at the order of things. */
function trace(build: (f: KernelBuilder, note: (value: Expr<"i32"> | number) => void) => void): number[] {
  const [count, ...values] = computeI32(64, (f) => {
    const [y] = f.pointers(1);
    const place = f.localI32("place", y);
    build(f, (value) => {
      place.set(i32.add(place, 4));
      f.storeI32(place, value);
    });
    f.storeI32(y, i32.shr_u(i32.sub(place, y), 2));
  });
  return values.slice(0, count);
}

Deno.test("`forRange` visits what a JavaScript loop visits, for constant and dynamic bounds", () => {
  for (
    const [begin, end, step] of [[0, 5, 1], [3, 4, 1], [2, 2, 1], [5, 2, 1], [0, 10, 4], [-3, 3, 2], [
      1,
      3,
      7,
    ]]
  ) {
    const wanted: number[] = [];
    for (let i = begin; i < end; i += step) wanted.push(i);
    const dynamic = (f: KernelBuilder, value: number) => i32.add(i32.mul(f.lane, 1), value);
    assertEquals(trace((f, note) => f.forRange(begin, end, step, note)), wanted);
    assertEquals(trace((f, note) => f.forRange(dynamic(f, begin), end, step, note)), wanted);
    assertEquals(trace((f, note) => f.forRange(begin, dynamic(f, end), dynamic(f, step), note)), wanted);
  }
});

Deno.test("`forRange` computes a bound once", () => {
  const seen = trace((f, note) => {
    const n = f.localI32("n", 3);
    f.forRange(0, i32.add(n, 1), 1, (i) => {
      n.set(i32.sub(n, 1));
      note(i);
    });
  });
  assertEquals(seen, [0, 1, 2, 3]);
});

Deno.test("`forAddress` compares unsigned", () => {
  const seen = trace((f, note) => f.forAddress(0x7ffffff8, 0x80000008, 8, note));
  assertEquals(seen, [0x7ffffff8, -0x80000000]);
  assertEquals(trace((f, note) => f.forAddress(0x7ffffff8, i32.add(f.lane, 0x80000001), 8, note)), seen);
});

Deno.test("nested loops, `if`, `while`, `block` and `break` go where they say", () => {
  const seen = trace((f, note) => {
    f.forCount(3, (i) => {
      f.forRange(i, 3, 1, (j) => f.if(i32.eq(i, j), () => note(i32.add(i, 100)), () => note(i32.mul(i, j))));
    });
    const n = f.localI32("n", 0);
    f.block((outside) => {
      f.while(i32.lt_s(n, 10), (done) => {
        n.set(i32.add(n, 1));
        f.break(done, i32.eq(n, 4));
        f.block((next) => {
          f.break(next, i32.eq(n, 2));
          note(n);
        });
      });
      note(-1);
      f.break(outside);
      note(-2);
    });
    f.if(i32.const(0), () => note(-3));
  });
  assertEquals(seen, [100, 0, 0, 101, 2, 102, 1, 3, -1]);
});

Deno.test("`return` leaves the kernel", () => {
  const out = computeI32(2, (f) => {
    const [y] = f.pointers(1);
    f.storeI32(y, 1);
    f.if(i32.eqz(f.lane), () => f.return());
    f.storeI32(y, 2, 4);
  });
  assertEquals(out, [1, 0]);
});

Deno.test("`forVectors` covers every element once, at every unrolling", () => {
  for (const count of [1, 3, 4, 7, 8, 16, 23, 64, 67]) {
    for (const unroll of [1, 2, 4]) {
      const steps = trace((f, note) => {
        f.forVectors(count, (at, offset, lanes, slot) => {
          note(i32.add(i32.mul(i32.add(at, offset), 1000), 10 * lanes + slot));
        }, unroll);
      });
      const wanted = Array.from({ length: Math.ceil(count / 4) }, (_, i) => {
        return 16000 * i + 10 * Math.min(4, count - 4 * i) + i % unroll;
      });
      assertEquals(steps, wanted, `${count} elements, unroll ${unroll}`);
    }
  }
});

Deno.test("`func` and `procedure` are called with their own locals", () => {
  const out = computeF32(3, (f) => {
    const [y] = f.pointers(1);
    const square = f.func("square", ["f32", "f32"], "f32", (g, a, b) => {
      const sum = g.localF32("sum", f32.add(a, b));
      return f32.mul(sum, sum);
    });
    const put = f.procedure("put", ["i32", "f32"], (g, address, value) => {
      g.if(f32.lt(value, 0), () => g.return());
      g.storeF32(address, square(value, f32.const(1)));
    });
    f.call(put, y, 2);
    f.call(put, i32.add(y, 4), f32.const(-3));
    f.storeF32(y, square(square(1, 1), 2), 8);
  });
  assertEquals(out, [9, 0, 36]);
});

Deno.test("a local is refused in another function", () => {
  assertThrows(
    () => kernelModule((f) => f.procedure("inner", [], (g) => g.storeI32(f.args, 1))),
    TypeError,
    'Cannot use local "args" in function "inner": it belongs to another function',
  );
});

Deno.test("`f32x4` and `i32x4` constants hold in a branch that is entered late", () => {
  const out = computeF32(12, (f) => {
    const [y] = f.pointers(1);
    f.if(i32.const(0), () => f.storeV128(y, f.f32x4(2.5)));
    f.storeV128(y, f.f32x4(2.5), 0);
    f.storeV128(y, f.f32x4(1, -0, Infinity, 1e-40), 16);
    f.storeV128(y, f.f32x4(-0), 32);
  });
  assertEquals(out, [2.5, 2.5, 2.5, 2.5, 1, -0, Infinity, Math.fround(1e-40), -0, -0, -0, -0]);
});

Deno.test("`copy` and `fill` move bytes", () => {
  const out = computeI32(6, (f) => {
    const [y] = f.pointers(1);
    f.storeI32(y, 7);
    f.copy(i32.add(y, 8), y, 4);
    f.fill(i32.add(y, 16), 0xff, i32.const(8));
  });
  assertEquals(out, [7, 0, 7, 0, -1, -1]);
});

Deno.test("`run` hands over begin, end and lane", () => {
  const out = new Int32Array(3);
  runKernel(
    (f) => {
      const [y] = f.pointers(1);
      [f.begin, f.end, f.lane].forEach((value, i) => f.storeI32(y, value, 4 * i));
    },
    [out],
    5,
    9,
    3,
  );
  assertEquals([...out], [5, 9, 3]);
});
