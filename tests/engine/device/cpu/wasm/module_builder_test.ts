import { assert, assertEquals } from "@std/assert";
import { f32, i32, kernelModule } from "../../../../../engine/device/cpu/wasm/mod.ts";
import { DATA_SECTION } from "../../../../../engine/device/cpu/wasm/module_builder.ts";
import { runKernel } from "./harness.ts";

Deno.test("`kernelModule()` imports a shared memory of 4 GiB and exports `run`", () => {
  const module = new WebAssembly.Module(kernelModule(() => {}));
  assertEquals(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]), [[
    "run",
    "function",
  ]]);
  assertEquals(WebAssembly.Module.imports(module).map(({ module, name }) => [module, name]), [[
    "env",
    "memory",
  ]]);
});

Deno.test("`data()` places tables at the imported address, each at a multiple of 16", () => {
  const out = new Float32Array(3);
  const build = (f: Parameters<Parameters<typeof kernelModule>[0]>[0]) => {
    const [y] = f.pointers(1);
    const first = f.data(new Float32Array([1.5, 2.5, 3.5]));
    const second = f.data(new Int32Array([42]));
    f.storeF32(y, f32.load(first, 8), 0);
    f.storeF32(y, f32.convert_i32_s(i32.load(second)), 4);
    f.storeF32(y, f32.convert_i32_s(i32.sub(second, first)), 8);
  };
  runKernel(build, [out]);
  assertEquals([...out], [3.5, 42, 16]);
  const [section] = WebAssembly.Module.customSections(
    new WebAssembly.Module(kernelModule(build)),
    DATA_SECTION,
  );
  assertEquals([...new Uint32Array(section)], [32]);
});

Deno.test("`kernelModule()` is valid with thousands of statements and hundreds of locals", () => {
  const bytes = kernelModule((f) => {
    const [y] = f.pointers(1);
    const locals = Array.from({ length: 400 }, (_, i) => f.localI32(`local ${i}`, i));
    for (let i = 0; i < 5000; i++) f.storeI32(y, i32.add(locals[i % 400], i), 4 * i);
  });
  assert(WebAssembly.validate(bytes));
});
