import { assert, assertEquals, assertRejects } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { ShapeError } from "../../../engine/core/errors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { Device } from "../../../engine/device/device.ts";
import { NullBackend } from "../../../engine/device/null_backend.ts";
import { AutoencoderKL, LatentCodec, SD_VAE_FT } from "../../../models/autoencoder_kl/mod.ts";
import { deviceTest } from "../../devices.ts";
import { TINY_VAE } from "./tiny_vae.ts";

const SIZE = { height: 8, width: 12 };
const IMAGE = 3 * 8 * 12;
const LATENT = 4 * 2 * 3;

function tinyModel(device: Device): AutoencoderKL {
  const model = new AutoencoderKL(TINY_VAE);
  model.params.allocate(device);
  model.params.initialize(5);
  return model;
}

function assertClose(got: Float32Array, want: Float32Array, what: string): void {
  assertEquals(got.length, want.length);
  const worst = Math.max(...got.map((value, i) => Math.abs(value - want[i])));
  assert(worst < 1e-4, `${what}: ${worst}`);
}

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`LatentCodec` gives what the model gives, whatever the batch",
  async (device) => {
    const model = tinyModel(device);
    using _params = model.params;
    const latents = new Philox(1, 2).normals(3 * LATENT);
    const wanted = await (() => {
      const unscaled = latents.map((value) => value / TINY_VAE.scaling_factor);
      return model.decode(device.tensor([3, 4, 2, 3], unscaled)).read();
    })() as Float32Array<ArrayBuffer>;
    const encoded = model.encode(device.tensor([3, 3, 8, 12], wanted));
    const [mean, logvar] = [await encoded.mean.read(), await encoded.logvar.read()] as Float32Array[];
    // A software adapter compiles every size of every kernel for a second.
    for (const batch of device.kind === "webgpu" ? [2] : [1, 2, 3, 5]) {
      using codec = await LatentCodec.create(device, model, { batch, ...SIZE });
      assertClose(await codec.decode(latents), wanted, `images of batch ${batch}`);
      const moments = await codec.encode(wanted);
      assertClose(moments.mean, mean, `means of batch ${batch}`);
      assertClose(moments.logvar, logvar, `log-variances of batch ${batch}`);
    }
  },
);

deviceTest(
  ["reference"],
  "`LatentCodec` records a direction on its first use, and releases every byte",
  async (device) => {
    const model = tinyModel(device);
    using _params = model.params;
    const before = device.memory().live;
    {
      using codec = await LatentCodec.create(device, model, { batch: 2, ...SIZE });
      assertEquals([device.memory().live, codec.plannedBytes], [before, 0]);
      assertEquals(codec.imageShape, [3, 8, 12]);
      assertEquals(codec.latentShape, [4, 2, 3]);
      await codec.decode(new Float32Array(LATENT));
      const decoding = codec.plannedBytes;
      assert(decoding > 0);
      await codec.decode(new Float32Array(7 * LATENT));
      assertEquals(codec.plannedBytes, decoding);
      await codec.encode(new Float32Array(IMAGE));
      assert(codec.plannedBytes > decoding);
    }
    assertEquals(device.memory().live, before);
  },
);

deviceTest(
  ["reference"],
  "`LatentCodec` refuses images without whole latents, and parts of images",
  async (device) => {
    const model = tinyModel(device);
    using _params = model.params;
    const odd = () => LatentCodec.create(device, model, { batch: 1, height: 8, width: 10 });
    await assertRejects(
      odd,
      ShapeError,
      "Cannot make latents of 1 images of 8 x 10: sides that are multiples of 4",
    );
    const none = () => LatentCodec.create(device, model, { batch: 0, ...SIZE });
    await assertRejects(none, ShapeError, "at least 1 image wanted");
    using codec = await LatentCodec.create(device, model, { batch: 1, ...SIZE });
    const part = () => codec.decode(new Float32Array(LATENT + 1));
    await assertRejects(part, ShapeError, "Cannot decode 25 numbers: f32[n, 4, 2, 3] wanted");
    const half = () => codec.encode(new Float32Array(IMAGE / 2));
    await assertRejects(half, ShapeError, "Cannot encode 144 numbers: f32[n, 3, 8, 12] wanted");
  },
);

for (const kind of ["cpu", "webgpu"] as const) {
  Deno.test(`decoding one image of 256x256 takes less than 1 GiB beside the weights on ${kind}`, async () => {
    using device = new Device(new NullBackend({ kind }));
    const model = new AutoencoderKL(SD_VAE_FT);
    model.params.allocate(device);
    const z = device.persistent(f32(1, 4, 32, 32));
    using program = await device.record("decode", () => ({ images: model.decode(z) }));
    assertEquals(program.results.images.shape, [1, 3, 256, 256]);
    assert(program.plannedBytes < 2 ** 30, `${program.plannedBytes / 2 ** 20} MiB`);
  });
}
