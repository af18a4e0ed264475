import {
  type DENSE_STACK,
  DENSE_STACK_ADAMW,
  type DenseBlock,
  type DenseStackValues,
} from "../dense_stack.ts";
import { type Jax, type JaxArray, jaxHeads, jaxLayerNorm, type JaxTree, placeJax } from "./jax.ts";

type Sizes = typeof DENSE_STACK;
type Block = Readonly<Record<keyof DenseBlock, JaxArray>>;

/** Parameters and both moments. */
interface State {
  readonly params: Block[];
  readonly first: Block[];
  readonly second: Block[];
}

/** One block of the stack; consumes all its operands. */
function forwardBlock(jax: Jax, sizes: Sizes, x: JaxArray, c: JaxArray, p: Block): JaxArray {
  const { numpy: np, nn } = jax;
  const { batch: B, tokens: T, width: D, heads: H } = sizes;
  const dense = (input: JaxArray, weight: JaxArray, bias: JaxArray) => np.matmul(input, weight).add(bias);
  const rows = (input: JaxArray) => input.reshape([B * T, D]);
  const images = (input: JaxArray) => input.reshape([B, T, D]);
  const modulated = (input: JaxArray, shift: JaxArray, scale: JaxArray) =>
    rows(jaxLayerNorm(jax, input).mul(scale.add(1)).add(shift));
  const conditions = np.split(dense(nn.silu(c), p.Wm, p.bm).reshape([B, 1, 6 * D]), 6, 2);
  const [shift1, scale1, gate1, shift2, scale2, gate2] = conditions;
  const packed = dense(modulated(x.ref, shift1, scale1), p.Wqkv, p.bqkv).reshape([B, T, 3, H, D / H]);
  const parts = np.split(packed.transpose([2, 0, 3, 1, 4]), 3, 0);
  const [q, k, v] = parts.map((part) => part.reshape([B * H, T, D / H]));
  const mixed = jaxHeads(jax, q, k, v).reshape([B, H, T, D / H]).transpose([0, 2, 1, 3]);
  const middle = x.add(images(dense(rows(mixed), p.Wo, p.bo)).mul(gate1));
  const inner = nn.silu(dense(modulated(middle.ref, shift2, scale2), p.W1, p.b1));
  return middle.add(images(dense(inner, p.W2, p.b2)).mul(gate2));
}

/** The step of the dense stack for jax-js, jitted as a whole. What is returned takes one step and gives its loss. */
export function jaxDenseStep(jax: Jax, values: DenseStackValues, sizes: Sizes): () => Promise<number> {
  const { numpy: np, tree } = jax;
  const [x, c, y] = [values.x, values.c, values.y].map((value) => placeJax(jax, value));
  const place = (block: DenseBlock) =>
    Object.fromEntries(Object.entries(block).map(([name, value]) => [name, placeJax(jax, value)])) as Block;
  const params = values.blocks.map(place);
  const zeros = () => tree.map((leaf) => np.zeros(leaf.shape), params as JaxTree) as unknown as Block[];
  const loss = (blocks: Block[], x: JaxArray, c: JaxArray, y: JaxArray): JaxArray => {
    const last = blocks.length - 1;
    const out = blocks.reduce((h, p, i) => forwardBlock(jax, sizes, h, i < last ? c.ref : c, p), x);
    return np.mean(np.square(out.sub(y)));
  };
  const gradient = jax.valueAndGrad(loss);
  const update = jax.jit((state: State, corrections: JaxArray, x: JaxArray, c: JaxArray, y: JaxArray) => {
    const [value, grads] = gradient(tree.ref(state.params as JaxTree) as unknown as Block[], x, c, y);
    return [value, adamw(jax, state, grads, corrections)] as const;
  });
  let state: State = { params, first: zeros(), second: zeros() };
  let steps = 0;
  return async () => {
    steps++;
    const { beta1, beta2 } = DENSE_STACK_ADAMW;
    const corrections = np.array(Float32Array.of(1 / (1 - beta1 ** steps), 1 / (1 - beta2 ** steps)));
    const [value, next] = update(state, corrections, x.ref, c.ref, y.ref);
    state = next;
    await jax.blockUntilReady(tree.ref(state.params as JaxTree));
    return (await value.data())[0];
  };
}

/** Consumes state, gradients and corrections. */
function adamw(jax: Jax, state: State, grads: Block[], corrections: JaxArray): State {
  const { numpy: np, tree } = jax;
  const { rate, beta1, beta2, eps } = DENSE_STACK_ADAMW;
  const map = (call: (...leaves: JaxArray[]) => JaxArray, ...trees: Block[][]) =>
    tree.map(call, ...trees as unknown as JaxTree[]) as unknown as Block[];
  const keep = (blocks: Block[]) => tree.ref(blocks as JaxTree) as unknown as Block[];
  const first = map((m, g) => m.mul(beta1).add(g.mul(1 - beta1)), state.first, keep(grads));
  const second = map((v, g) => v.mul(beta2).add(np.square(g).mul(1 - beta2)), state.second, grads);
  const [one, two] = np.split(corrections, 2, 0);
  const params = map(
    (p, m, v) => p.sub(m.mul(one.ref).mul(rate).div(np.sqrt(v.mul(two.ref)).add(eps))),
    state.params,
    keep(first),
    keep(second),
  );
  one.dispose();
  two.dispose();
  return { params, first, second };
}
