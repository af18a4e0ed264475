import {
  type DENSE_STACK,
  DENSE_STACK_ADAMW,
  type DenseBlock,
  type DenseStackValues,
} from "../dense_stack.ts";
import {
  placeTfjs,
  type Tf,
  tfjsHeads,
  tfjsLayerNorm,
  tfjsSilu,
  type TfTensor,
  type TfVariable,
} from "./tfjs.ts";

type Sizes = typeof DENSE_STACK;
type Block = Readonly<Record<keyof DenseBlock, TfVariable>>;

function forwardBlock(tf: Tf, sizes: Sizes, x: TfTensor, c: TfTensor, p: Block): TfTensor {
  const { batch: B, tokens: T, width: D, heads: H } = sizes;
  const dense = (input: TfTensor, weight: TfTensor, bias: TfTensor) => tf.add(tf.matMul(input, weight), bias);
  const rows = (input: TfTensor) => tf.reshape(input, [B * T, D]);
  const images = (input: TfTensor) => tf.reshape(input, [B, T, D]);
  const modulated = (input: TfTensor, shift: TfTensor, scale: TfTensor) =>
    rows(tf.add(tf.mul(tfjsLayerNorm(tf, input), tf.add(scale, 1)), shift));
  const conditions = tf.reshape(dense(tfjsSilu(tf, c), p.Wm, p.bm), [B, 1, 6 * D]);
  const [shift1, scale1, gate1, shift2, scale2, gate2] = tf.split(conditions, 6, 2);
  const packed = tf.reshape(dense(modulated(x, shift1, scale1), p.Wqkv, p.bqkv), [B, T, 3, H, D / H]);
  const parts = tf.split(tf.transpose(packed, [2, 0, 3, 1, 4]), 3, 0);
  const [q, k, v] = parts.map((part) => tf.reshape(part, [B * H, T, D / H]));
  const mixed = tf.transpose(tf.reshape(tfjsHeads(tf, q, k, v), [B, H, T, D / H]), [0, 2, 1, 3]);
  const middle = tf.add(x, tf.mul(images(dense(rows(mixed), p.Wo, p.bo)), gate1));
  const inner = tfjsSilu(tf, dense(modulated(middle, shift2, scale2), p.W1, p.b1));
  return tf.add(middle, tf.mul(images(dense(inner, p.W2, p.b2)), gate2));
}

/** A parameter with its moments. */
interface Slot {
  readonly variable: TfVariable;
  first: TfTensor;
  second: TfTensor;
}

/** The step of the dense stack for TensorFlow.js. What is returned takes one step and gives its loss. */
export function tfjsDenseStep(tf: Tf, values: DenseStackValues, sizes: Sizes): () => Promise<number> {
  const [x, c, y] = [values.x, values.c, values.y].map((value) => placeTfjs(tf, value));
  const blocks = values.blocks.map((block, i) =>
    Object.fromEntries(
      Object.entries(block).map(([name, value]) => [
        name,
        tf.variable(placeTfjs(tf, value), true, `block${i}.${name}`),
      ]),
    ) as Block
  );
  const variables = blocks.flatMap((block) => Object.values(block));
  const slots: Slot[] = variables.map((variable) => ({
    variable,
    first: tf.zerosLike(variable),
    second: tf.zerosLike(variable),
  }));
  const loss = () => {
    const out = blocks.reduce<TfTensor>((h, p) => forwardBlock(tf, sizes, h, c, p), x);
    return tf.mean(tf.square(tf.sub(out, y)));
  };
  let steps = 0;
  return async () => {
    steps++;
    const value = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss, variables);
      for (const slot of slots) update(tf, slot, grads[slot.variable.name], steps);
      return value;
    });
    const [result] = await value.data();
    value.dispose();
    return result;
  };
}

/** One AdamW update in a tidy scope. */
function update(tf: Tf, slot: Slot, grad: TfTensor, steps: number): void {
  const { rate, beta1, beta2, eps } = DENSE_STACK_ADAMW;
  const first = tf.add(tf.mul(slot.first, beta1), tf.mul(grad, 1 - beta1));
  const second = tf.add(tf.mul(slot.second, beta2), tf.mul(tf.square(grad), 1 - beta2));
  const root = tf.add(tf.sqrt(tf.mul(second, 1 / (1 - beta2 ** steps))), eps);
  const change = tf.div(tf.mul(first, rate / (1 - beta1 ** steps)), root);
  slot.variable.assign(tf.sub(slot.variable, change));
  slot.first.dispose();
  slot.second.dispose();
  slot.first = tf.keep(first);
  slot.second = tf.keep(second);
}
