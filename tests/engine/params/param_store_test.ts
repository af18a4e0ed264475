import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { constant, normal } from "../../../engine/params/init.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import { deviceTest } from "../../devices.ts";

function twoLayers(): ParamStore {
  const store = new ParamStore();
  const block = store.root.sub("blocks").sub("0");
  block.parameter("weight", [2, 3], { init: normal(0.02) });
  block.parameter("experts.*.up", [4, 2, 3], { init: normal(0.02), experts: 4, routedBy: "blocks.0" });
  block.parameter("bias", [4], { init: constant(0.5), kind: "buffer" });
  return store;
}

Deno.test("`ParamStore` names stacked experts one by one, and counts no buffers", () => {
  const store = twoLayers();
  assertEquals([...store.stateShapes().keys()], [
    "blocks.0.weight",
    "blocks.0.experts.0.up",
    "blocks.0.experts.1.up",
    "blocks.0.experts.2.up",
    "blocks.0.experts.3.up",
    "blocks.0.bias",
  ]);
  assertEquals(store.stateShapes().get("blocks.0.experts.2.up"), [2, 3]);
  assertEquals(store.count, 6 + 24);
  assertEquals(store.trainable.map(({ name }) => name), ["blocks.0.weight", "blocks.0.experts.*.up"]);
});

Deno.test("`ParamStore` refuses a name twice, and a value before there is memory", () => {
  const store = twoLayers();
  assertThrows(() => store.root.parameter("blocks.0.bias", [1], { init: constant(0) }), Error, "twice");
  assertThrows(() => store.all[0].tensor, Error, '"blocks.0.weight"');
});

deviceTest(["reference"], "an expert of a stack starts as the same expert alone would", async (device) => {
  using stacked = twoLayers();
  stacked.allocate(device);
  stacked.initialize(3);
  const alone = new ParamStore();
  alone.root.parameter("blocks.0.experts.2.up", [2, 3], { init: normal(0.02) });
  const values = await stacked.all[1].tensor.read();
  assertEquals(values.slice(12, 18), alone.all[0].initialValues(3));
});

deviceTest(
  ["reference"],
  "`load()` lists missing, unexpected and misshapen names together",
  async (device) => {
    using store = twoLayers();
    store.allocate(device);
    const shapes = new Map(store.stateShapes());
    shapes.delete("blocks.0.experts.1.up");
    shapes.set("extra", [1]);
    shapes.set("blocks.0.weight", [3, 2]);
    await assertRejects(
      () => store.load(shapes, () => Promise.resolve(new Float32Array(6))),
      CheckpointError,
      "1 missing (blocks.0.experts.1.up); 1 unexpected (extra); " +
        "1 of another shape (blocks.0.weight [3, 2] for [2, 3])",
    );
  },
);

deviceTest(
  ["reference"],
  "`substitute()` puts other tensors in place, and takes them away again",
  (device) => {
    using store = twoLayers();
    store.allocate(device);
    const [weight] = store.all;
    const [own, other] = [weight.tensor, device.persistent(weight.spec)];
    assertEquals(store.substitute(new Map([[weight, other]]), () => weight.tensor === other), true);
    assertEquals(weight.tensor === own, true);
    device.release(other);
  },
);
