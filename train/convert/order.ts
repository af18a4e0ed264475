import type { Shape } from "../../engine/core/shape.ts";

/** Last parts of the names of buffers, in all families: what the reference registers apart from its parameters. */
const BUFFERS = ["e_score_correction_bias", "expert_threshold", "ema_decay"];

/** Parameters that are never trained. */
const FROZEN = ["pos_embed"];

/** Whether a `state_dict` entry is a buffer. */
export function isBuffer(name: string): boolean {
  return BUFFERS.includes(name.slice(name.lastIndexOf(".") + 1));
}

interface Module {
  readonly own: string[];
  readonly children: Map<string, Module>;
}

/**
 * Names in the order of PyTorch's `state_dict`: of each module its parameters, its buffers, then its submodules, each in
 * the order in which they first appear. Entries of stacked experts, which follow one another here, are so put beside
 * those of the same expert.
 */
export function stateDictOrder(names: Iterable<string>): string[] {
  const root: Module = { own: [], children: new Map() };
  for (const name of names) {
    const path = name.split(".").slice(0, -1);
    let module = root;
    for (const part of path) {
      let child = module.children.get(part);
      if (!child) module.children.set(part, child = { own: [], children: new Map() });
      module = child;
    }
    module.own.push(name);
  }
  const ordered: string[] = [];
  const visit = ({ own, children }: Module) => {
    ordered.push(...own.filter((name) => !isBuffer(name)), ...own.filter(isBuffer));
    for (const child of children.values()) visit(child);
  };
  visit(root);
  return ordered;
}

/**
 * Parameters in the groups and the order of a trainer's optimizer, in which PyTorch numbers them (behaviour 68): one group
 * of all, or for JiT those without weight decay, then those with it, frozen ones left out.
 */
export function optimizerGroups(shapes: ReadonlyMap<string, Shape>, jit: boolean): string[][] {
  const parameters = stateDictOrder(shapes.keys()).filter((name) => !isBuffer(name));
  if (!jit) return [parameters];
  const trained = parameters.filter((name) => !FROZEN.includes(name));
  const plain = (name: string) => shapes.get(name)!.length === 1 || name.endsWith(".bias");
  return [trained.filter(plain), trained.filter((name) => !plain(name))];
}

/** Whether a network is a JiT, whose trainer has a layout of its own. */
export function isJitState(names: { has(name: string): boolean }): boolean {
  return names.has("x_embedder.proj1.weight");
}
