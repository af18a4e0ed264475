import { differentiate } from "../../engine/autodiff/backward.ts";
import { f32, u32 } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import type { Parameter } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { adamw, type AdamwState } from "../../kernels/adamw/mod.ts";
import { affine, log, mul, scale } from "../../kernels/elementwise/mod.ts";
import { GRADIENT_OPS } from "../../kernels/grad.ts";
import { sum } from "../../kernels/reduce/mod.ts";
import { softmax } from "../../kernels/softmax/mod.ts";
import type { ClassifierBatch } from "./data.ts";
import type { ClassifierNetwork } from "./network.ts";

/** Probability that the target leaves to all classes together (Szegedy et al., 1512.00567). */
const SMOOTHING = 0.1;
/** Keeps the logarithm finite where a probability rounds to 0. */
const FLOOR = 1e-12;
const OPTIMIZER = { beta1: 0.9, beta2: 0.98, eps: 1e-8 } as const;
/** Decay of matrices; norms and biases have none. */
const WEIGHT_DECAY = 0.05;

/** One step of training as tensors: cross-entropy with smoothed targets, its gradients, AdamW. */
export class ClassifierStep implements Disposable {
  readonly #pixels: Tensor;
  readonly #targets: Tensor;
  readonly #rate: Tensor;
  readonly #gate: Tensor;
  readonly #states: readonly AdamwState[];

  /** Allocates the inputs and the optimizer's state; the network must be in memory. */
  constructor(
    private readonly device: Device,
    private readonly network: ClassifierNetwork,
    private readonly batch: number,
  ) {
    const { imageSize, classes, params } = network;
    this.#pixels = device.persistent(f32(batch, 3, imageSize, imageSize));
    this.#targets = device.persistent(f32(batch, classes));
    this.#rate = device.persistent(f32(1));
    this.#gate = device.persistent(f32(1), Float32Array.of(1));
    this.#states = params.trainable.map((parameter) => stateOf(device, parameter));
  }

  /** Writes what changes from step to step. */
  write(rate: number, { pixels, labels }: ClassifierBatch): void {
    const { classes } = this.network;
    const targets = new Float32Array(this.batch * classes).fill(SMOOTHING / classes);
    labels.forEach((label, i) => targets[i * classes + label] += 1 - SMOOTHING);
    this.#pixels.write(pixels);
    this.#targets.write(targets);
    this.#rate.write(Float32Array.of(rate));
  }

  /** The step itself. Returns the loss before it, `f32[]`. */
  body(): { loss: Tensor } {
    const { trainable } = this.network.params;
    const watched = trainable.map(({ tensor }) => tensor);
    const { value: loss, gradients } = differentiate(GRADIENT_OPS, watched, () => {
      const { logits } = this.network.forward(this.#pixels);
      const likelihood = log(affine(softmax(logits), 1, FLOOR));
      const loss = scale(sum(mul(this.#targets, likelihood)), -1 / this.batch);
      return { value: loss, root: loss };
    });
    trainable.forEach((parameter, i) => {
      const weightDecay = parameter.spec.shape.length > 1 ? WEIGHT_DECAY : 0;
      const control = { hyper: this.#rate, gate: this.#gate };
      adamw(this.#states[i], gradients[i]!, control, { ...OPTIMIZER, weightDecay });
    });
    return { loss };
  }

  /** Releases everything but the network. */
  [Symbol.dispose](): void {
    const states = this.#states.flatMap(({ m, v, steps, correction }) => [m, v, steps, correction]);
    for (const tensor of [this.#pixels, this.#targets, this.#rate, this.#gate, ...states]) {
      this.device.release(tensor);
    }
  }
}

function stateOf(device: Device, { tensor, spec, size }: Parameter): AdamwState {
  const zeros = () => device.persistent(spec, new Float32Array(size));
  return {
    param: tensor,
    m: zeros(),
    v: zeros(),
    steps: device.persistent(u32(1), new Uint32Array(1)),
    correction: device.persistent(f32(1, 2), new Float32Array(2)),
  };
}
