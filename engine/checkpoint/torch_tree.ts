import { PickleDict, PickleTuple, type PickleValue } from "./pickle_values.ts";
import { quote } from "./safetensors_header.ts";
import { TorchTensor } from "./torch_values.ts";

/** Deepest nesting of containers. */
const MAX_DEPTH = 100;
const MAX_TENSORS = 200_000;
const MAX_NAME = 2000;

type Container = PickleDict | PickleTuple | PickleValue[];

/** What is below a container. */
interface Measure {
  readonly height: number;
  /** Tensors below, one counted for each way that leads to it. */
  readonly tensors: number;
  /** Key and value of what is a tensor or has one below. */
  readonly children: readonly (readonly [key: string, child: Container | TorchTensor])[];
}

/**
 * The tensors of a tree under their dotted names: `model.blocks.0.attn.qkv.weight`, `opt.state.0.exp_avg`.
 *
 * Takes time and memory in proportion to the tree as it is in memory and to the tensors found, also where containers are
 * shared: a container is measured once, and only ways that lead to a tensor are walked.
 *
 * @param refuse throws an error that ends in the given defect
 */
export function tensorsBelow(
  root: PickleValue,
  refuse: (defect: string) => never,
): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  if (root instanceof TorchTensor) return found.set("", root);
  if (!isContainer(root)) return found;
  const measures = new Map<Container, Measure | "under way">();
  const { tensors } = measure(root, measures, 1, refuse);
  if (tensors > MAX_TENSORS) refuse(`it holds more than ${MAX_TENSORS} tensors`);
  const collect = (container: Container, prefix: string): void => {
    for (const [key, child] of (measures.get(container) as Measure).children) {
      const name = prefix + key;
      if (name.length > MAX_NAME) refuse(`the name ${quote(name)} is longer than ${MAX_NAME} characters`);
      if (!(child instanceof TorchTensor)) {
        collect(child, `${name}.`);
        continue;
      }
      if (found.has(name)) refuse(`two tensors are named ${quote(name)}`);
      found.set(name, child);
    }
  };
  collect(root, "");
  return found;
}

function measure(
  container: Container,
  measures: Map<Container, Measure | "under way">,
  depth: number,
  refuse: (defect: string) => never,
): Measure {
  const known = measures.get(container);
  if (known === "under way") return refuse("an object of its pickle contains itself");
  if (known) return known;
  if (depth > MAX_DEPTH) refuse(`the objects of its pickle are nested more than ${MAX_DEPTH} deep`);
  measures.set(container, "under way");
  const children: [string, Container | TorchTensor][] = [];
  let height = 0;
  let tensors = 0;
  for (const [key, child] of entriesOf(container)) {
    if (child instanceof TorchTensor) {
      tensors++;
      children.push([nameOf(key), child]);
    } else if (isContainer(child)) {
      const below = measure(child, measures, depth + 1, refuse);
      height = Math.max(height, below.height);
      tensors += below.tensors;
      if (below.tensors > 0) children.push([nameOf(key), child]);
    }
  }
  // A shared container may be deeper on another way than on the one that measured it first.
  if (height >= MAX_DEPTH) refuse(`the objects of its pickle are nested more than ${MAX_DEPTH} deep`);
  const result = { height: height + 1, tensors, children };
  measures.set(container, result);
  return result;
}

function isContainer(value: PickleValue): value is Container {
  return value instanceof PickleDict || value instanceof PickleTuple || Array.isArray(value);
}

function entriesOf(container: Container): Iterable<[PickleValue, PickleValue]> {
  if (container instanceof PickleDict) return container;
  return (container instanceof PickleTuple ? container.items : container).entries();
}

function nameOf(key: PickleValue): string {
  return typeof key === "object" && key !== null ? "object" : String(key);
}
