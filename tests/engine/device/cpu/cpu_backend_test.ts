import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { byteLength, f32 as f32Spec, i32 as i32Spec, type Spec } from "../../../../engine/core/spec.ts";
import type { AnyKernel } from "../../../../engine/kernel.ts";
import { CpuBackend, type CpuBackendOptions } from "../../../../engine/device/cpu/cpu_backend.ts";
import { scaledSquare, slowIncrement, trapping } from "./fixture_kernels.ts";

function allocate(backend: CpuBackend, specs: readonly Spec[]) {
  return specs.map((spec) => backend.allocate(byteLength(spec)));
}

/** Binds a kernel to fresh buffers, scratch included. */
function prepare(backend: CpuBackend, kernel: AnyKernel, inputs: readonly Spec[], attrs: unknown = {}) {
  const outputs = kernel.infer(inputs, attrs);
  const lowered = backend.lower({ kernel, inputs, outputs, attrs, path: "" });
  const buffers = allocate(backend, [...inputs, ...outputs]);
  const scratch = lowered.scratchBytes.map((bytes) => backend.allocate(bytes));
  const bound = backend.bind(lowered, [...buffers, ...scratch]);
  return { lowered, buffers, bound, outputs, all: [...buffers, ...scratch] };
}

/** Runs test bodies with a backend that is disposed and empty at the end. */
function withBackend(
  name: string,
  options: CpuBackendOptions,
  body: (backend: CpuBackend) => void | Promise<void>,
): void {
  Deno.test(name, async () => {
    const backend = new CpuBackend(options);
    await body(backend);
    backend.dispose();
  });
}

/** Elements that keep a lane busy long enough for the others to wake and take their share. */
const PLENTY = 2 ** 20;

/** Workers join when they have started, until then the main thread works alone: submits until all take part. */
async function untilPooled(backend: CpuBackend, threads: number): Promise<void> {
  const { buffers, bound, outputs } = prepare(backend, scaledSquare, [f32Spec(PLENTY)], { scale: 1 });
  const seen = new Set<number>();
  for (let attempt = 0; attempt < 2000; attempt++) {
    backend.submit([bound]);
    for (const lane of await backend.read(buffers[2], outputs[1])) seen.add(lane);
    if (seen.size === threads && backend.started) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`The ${threads} threads of the pool never worked together`);
}

const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => i / 8 - 3);

withBackend(
  "`submit()` runs the calls of a kernel in order, with scratch",
  { threads: 1 },
  async (backend) => {
    const n = 160;
    const { lowered, buffers, bound, outputs, all } = prepare(backend, scaledSquare, [f32Spec(n)], {
      scale: 3,
    });
    assertEquals(lowered.scratchBytes, [4 * n, 64]);
    assertEquals(bound.launches, 2);
    backend.write(buffers[0], ramp(n));
    backend.submit([bound]);
    await backend.finish();
    assertEquals(await backend.read(buffers[1], outputs[0]), ramp(n).map((x) => Math.fround(x * x) * 3));
    assertEquals(await backend.read(buffers[2], outputs[1]), new Int32Array(n / 16));
    backend.unbind(bound);
    all.forEach((buffer) => backend.release(buffer));
    assertEquals([backend.memory().live, backend.memory().buffers], [0, 0]);
  },
);

withBackend("the result does not depend on the number of threads", { threads: 3 }, async (backend) => {
  const n = 16 * 7;
  const { lowered, buffers, bound, outputs } = prepare(backend, scaledSquare, [f32Spec(n)], { scale: -2 });
  assertEquals(lowered.scratchBytes, [4 * n, 64 * 3]);
  backend.write(buffers[0], ramp(n));
  await untilPooled(backend, 3);
  backend.submit([bound, bound]);
  assertEquals(await backend.read(buffers[1], outputs[0]), ramp(n).map((x) => Math.fround(x * x) * -2));
  // Items of one grain of two have one lane, whichever it was.
  const lanes = await backend.read(buffers[2], outputs[1]);
  assert(lanes.every((lane) => lane >= 0 && lane < 3));
  assertEquals([lanes[0], lanes[2], lanes[4]], [lanes[1], lanes[3], lanes[5]]);
  for (let round = 0; round < 500; round++) backend.submit([bound, bound, bound]);
  assertEquals(await backend.read(buffers[1], outputs[0]), ramp(n).map((x) => Math.fround(x * x) * -2));
  // Memory that grew after the workers started is seen by them.
  backend.release(backend.allocate(40 << 20));
  const late = prepare(backend, scaledSquare, [f32Spec(16 * 5)], { scale: 9 });
  backend.write(late.buffers[0], ramp(16 * 5));
  backend.submit([late.bound]);
  assertEquals(
    await backend.read(late.buffers[1], late.outputs[0]),
    ramp(16 * 5).map((x) => Math.fround(x * x) * 9),
  );
  await untilPooled(backend, 3);
});

withBackend(
  "memory that is not shared works on one thread",
  { threads: 3, shared: false },
  async (backend) => {
    const { lowered, buffers, bound, outputs } = prepare(backend, scaledSquare, [f32Spec(64)], { scale: 3 });
    assertEquals(lowered.scratchBytes, [256, 64]);
    assertEquals(backend.description, "CPU, WASM SIMD, 1 thread");
    backend.write(buffers[0], ramp(64));
    backend.submit([bound]);
    assertEquals(await backend.read(buffers[1], outputs[0]), ramp(64).map((x) => Math.fround(x * x) * 3));
  },
);

withBackend(
  "a kernel without WASM code runs its reference and says so once",
  { threads: 1 },
  async (backend) => {
    const lines: string[] = [];
    backend.warn = (line) => lines.push(line);
    const inputs = [f32Spec(5), i32Spec(1)];
    const { lowered, buffers, bound, outputs } = prepare(backend, slowIncrement, inputs);
    const other = prepare(backend, slowIncrement, [f32Spec(6), i32Spec(1)]);
    assertEquals(lowered.scratchBytes, []);
    assertEquals(other.bound.launches, 1);
    backend.write(buffers[0], ramp(5));
    backend.write(buffers[1], new Int32Array([41]));
    backend.submit([bound]);
    assertEquals(await backend.read(buffers[2], outputs[0]), ramp(5).map((x) => x + 1));
    assertEquals(await backend.read(buffers[1], inputs[1]), new Int32Array([42]));
    assertEquals(lines, [
      'The kernel "slow_increment" has no WASM code: the cpu device runs its reference, which is slow',
    ]);
  },
);

withBackend("a list may mix WASM code and references, in order", { threads: 2 }, async (backend) => {
  backend.warn = () => {};
  await untilPooled(backend, 2);
  const spec = f32Spec(32), count = i32Spec(1);
  const [x, y, z, lanes, counter] = allocate(backend, [spec, spec, spec, i32Spec(2), count]);
  const square = backend.lower({
    kernel: scaledSquare,
    inputs: [spec],
    outputs: [spec, i32Spec(2)],
    attrs: { scale: 1 },
    path: "",
  });
  const plus = backend.lower({
    kernel: slowIncrement,
    inputs: [spec, count],
    outputs: [spec],
    attrs: {},
    path: "",
  });
  const scratch = square.scratchBytes.map((bytes) => backend.allocate(bytes));
  const list = [
    backend.bind(square, [x, y, lanes, ...scratch]),
    backend.bind(plus, [y, counter, z]),
    backend.bind(square, [z, y, lanes, ...scratch]),
    backend.bind(plus, [y, counter, x]),
  ];
  backend.write(x, new Float32Array(32).fill(2));
  backend.write(counter, new Int32Array([0]));
  backend.submit(list);
  assertEquals(await backend.read(x, spec), new Float32Array(32).fill(26));
  assertEquals(await backend.read(counter, count), new Int32Array([2]));
});

withBackend(
  "`lower()` gives one object for equal calls, another for other attributes",
  { threads: 1 },
  (backend) => {
    const spec = f32Spec(16);
    const lower = (scale: number) =>
      backend.lower({
        kernel: scaledSquare,
        inputs: [spec],
        outputs: [spec],
        attrs: { scale },
        path: `at ${scale}`,
      });
    assert(lower(1) === lower(1));
    assert(lower(1) !== lower(2));
  },
);

withBackend(
  "replaying and rebinding take no memory after the first round",
  { threads: 1 },
  async (backend) => {
    const { lowered, all, bound } = prepare(backend, scaledSquare, [f32Spec(64)], { scale: 3 });
    await backend.warm([lowered]);
    backend.submit([bound]);
    const before = backend.memory();
    for (let round = 0; round < 3000; round++) {
      const again = backend.bind(lowered, all);
      backend.submit([bound, again]);
      backend.unbind(again);
    }
    assertEquals(backend.memory(), before);
  },
);

withBackend("`read()` and `write()` copy and check lengths", { threads: 1 }, async (backend) => {
  const buffer = backend.allocate(12);
  const data = new Int32Array([1, -2, 3]);
  backend.write(buffer, data);
  data[0] = 9;
  const first = await backend.read(buffer, i32Spec(3));
  assertEquals(first, new Int32Array([1, -2, 3]));
  first[1] = 7;
  assertEquals(await backend.read(buffer, { dtype: "u32", shape: [3] }), new Uint32Array([1, 0xfffffffe, 3]));
  assertThrows(() => backend.write(buffer, new Float32Array(4)), DeviceError, "Cannot write 16 bytes");
  await assertRejects(
    async () => await backend.read(buffer, f32Spec(4)),
    DeviceError,
    "Cannot read f32[4], 16 bytes",
  );
});

withBackend("a released buffer is refused everywhere", { threads: 1 }, (backend) => {
  const { lowered, all, buffers } = prepare(backend, scaledSquare, [f32Spec(16)], { scale: 3 });
  backend.release(buffers[0]);
  assertThrows(() => backend.release(buffers[0]), DeviceError, "Cannot release a buffer that was released");
  assertThrows(
    () => backend.write(buffers[0], ramp(1)),
    DeviceError,
    "Cannot write to a buffer that was released",
  );
  assertThrows(
    () => backend.bind(lowered, all),
    DeviceError,
    'Cannot bind "scaled_square" to a buffer that was',
  );
  assertThrows(() => backend.bind(lowered, all.slice(1, 3)), DeviceError, "to 2 buffers: 5 are wanted");
});

withBackend("an unbound binding is refused, and unbinding twice is harmless", { threads: 1 }, (backend) => {
  const { bound } = prepare(backend, scaledSquare, [f32Spec(16)], { scale: 3 });
  backend.unbind(bound);
  backend.unbind(bound);
  assertThrows(() => backend.submit([bound]), DeviceError, 'Cannot submit "scaled_square": it was unbound');
});

for (const threads of [1, 2]) {
  withBackend(`a kernel that traps is named, on ${threads} threads`, { threads }, async (backend) => {
    await untilPooled(backend, threads);
    const good = prepare(backend, scaledSquare, [f32Spec(64)], { scale: 3 });
    const bad = prepare(backend, trapping, [f32Spec(2, 2)]);
    backend.write(good.buffers[0], ramp(64));
    const submit = () => backend.submit([good.bound, bad.bound]);
    assertThrows(submit, DeviceError, 'Cannot run "trapping" on f32[2, 2], its WASM code trapped');
    backend.submit([good.bound]);
    const wanted = ramp(64).map((x) => Math.fround(x * x) * 3);
    assertEquals(await backend.read(good.buffers[1], good.outputs[0]), wanted);
  });
}

withBackend("an invalid module is named by its key", { threads: 1 }, (backend) => {
  const broken: AnyKernel = {
    ...trapping,
    cpu: () => ({
      calls: [{ key: "broken 8", build: () => new Uint8Array([1]), bindings: [0, 1], range: 1, grain: 1 }],
    }),
  };
  assertThrows(
    () => prepare(backend, broken, [f32Spec(2)]),
    DeviceError,
    'Cannot compile the kernel "broken 8"',
  );
});

Deno.test("a disposed backend refuses work", () => {
  const backend = new CpuBackend({ threads: 1 });
  backend.dispose();
  backend.dispose();
  assertThrows(() => backend.allocate(4), DeviceError, "Cannot use the cpu device: it was disposed");
  assertEquals(backend.memory(), { live: 0, reserved: 0, buffers: 0 });
});
