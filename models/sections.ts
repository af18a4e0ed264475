/** Weights that a checkpoint may hold: those of the last step, their average, and a second average. */
export type SectionName = "model" | "ema" | "ema2";

/** Prefixes of each section: this project's and the DSMoE trainers', then those of the JiT trainer. */
const PREFIXES: Readonly<Record<SectionName, readonly string[]>> = {
  model: ["model.", "state_dict."],
  ema: ["ema.", "model_ema1.", "ema1."],
  ema2: ["ema2.", "model_ema2."],
};

/** Modules that wrap a network: JiT's denoiser, data-parallel training, compilation. */
const WRAPPERS = ["net.", "module.", "_orig_mod."];

/**
 * Finds the weights of a checkpoint by the names of its tensors: `model`, `ema`, `ema2` of this project, `model`, `ema`
 * of the DSMoE trainers, `model`, `model_ema1`, `model_ema2` of the JiT trainer, or a bare `state_dict`, which is taken for
 * `model`. Other tensors (moments) belong to no section.
 *
 * @returns for each section that is there, the name in the network of each tensor, without prefix and wrappers, and its
 *   name in the file
 */
export function weightSections(
  names: Iterable<string>,
): ReadonlyMap<SectionName, ReadonlyMap<string, string>> {
  const all = [...names];
  const sections = new Map<SectionName, ReadonlyMap<string, string>>();
  for (const [section, prefixes] of Object.entries(PREFIXES) as [SectionName, readonly string[]][]) {
    const prefix = prefixes.find((own) => all.some((name) => name.startsWith(own)));
    if (prefix !== undefined) sections.set(section, unwrapped(all, prefix));
  }
  if (sections.size === 0) sections.set("model", unwrapped(all, ""));
  return sections;
}

/** Names below `prefix`, without the wrappers that all of them have. */
function unwrapped(all: readonly string[], prefix: string): Map<string, string> {
  const own = all.filter((name) => name.startsWith(prefix));
  let start = prefix;
  for (let wrapper = commonWrapper(own, start); wrapper !== undefined; wrapper = commonWrapper(own, start)) {
    start += wrapper;
  }
  return new Map(own.map((name) => [name.slice(start.length), name]));
}

function commonWrapper(names: readonly string[], start: string): string | undefined {
  return WRAPPERS.find((wrapper) => names.every((name) => name.startsWith(start + wrapper)));
}
