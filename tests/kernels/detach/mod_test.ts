import { assertEquals } from "@std/assert";
import { detach } from "../../../kernels/detach/mod.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`detach()` gives the elements and stops the gradient",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([3], Float32Array.of(1, 2, 3));
    assertEquals([...await detach(x).read()], [1, 2, 3]);
    const { loss, gradients } = valueAndGradients([x], () => sum(mul(x, detach(x))));
    assertEquals((await loss.read())[0], 14);
    assertEquals([...await gradients[0]!.read()], [1, 2, 3]);
  },
);

deviceTest(["cpu"], "`detach()` leaves a tensor without a gradient where it is the only use", (device) => {
  using _scope = device.scope();
  const x = device.tensor([3], Float32Array.of(1, 2, 3));
  const { gradients } = valueAndGradients([x], () => sum(mul(detach(x), detach(x))));
  assertEquals(gradients, [null]);
});
