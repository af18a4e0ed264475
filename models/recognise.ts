import { CheckpointError } from "../engine/core/errors.ts";
import type { Shape } from "../engine/core/shape.ts";
import { assertSameState } from "../engine/params/param_store.ts";
import { createModel, type ModelConfig } from "./create.ts";
import { DIFFMOE_RECOGNISER, DIT_RECOGNISER, ECDIT_RECOGNISER, TCDIT_RECOGNISER } from "./dit/recognise.ts";
import { DSMOE_RECOGNISER } from "./dsmoe/recognise.ts";
import { JIT_RECOGNISER, JITMOE_RECOGNISER } from "./jit/recognise.ts";
import { PRESETS } from "./presets.ts";
import { type DottedFields, type Recogniser, StateView } from "./state_view.ts";

/** Every family that can be told from names and shapes: one line each. */
const RECOGNISERS: { readonly [F in ModelConfig["family"]]: Recogniser } = {
  dsmoe: DSMOE_RECOGNISER,
  jit: JIT_RECOGNISER,
  jitmoe: JITMOE_RECOGNISER,
  dit: DIT_RECOGNISER,
  tcdit: TCDIT_RECOGNISER,
  ecdit: ECDIT_RECOGNISER,
  diffmoe: DIFFMOE_RECOGNISER,
};

/** What a file holds. */
export interface Recognised {
  /** The model. */
  readonly config: ModelConfig;
  /** Name of the preset that fields were taken from which neither shapes nor `args` tell. */
  readonly preset?: string;
}

/**
 * Tells the configuration of a model from the names and shapes of its `state_dict`. What they don't tell (heads, routing)
 * comes from `args` or from the first preset whose sizes are the same; the number of classes may differ from the preset's.
 *
 * @param shapes names without prefix and their shapes
 * @param args what the file says of its training, with sections as in a configuration or with the names of a trainer
 * @param where names the file in errors
 * @throws {CheckpointError} when the names are of no family, fields are missing (all are listed), or the model that was
 *   found has other names or shapes (missing, unexpected and misshapen names are listed)
 */
export function recogniseModel(
  shapes: ReadonlyMap<string, Shape>,
  args: Readonly<Record<string, unknown>>,
  where: string,
): Recognised {
  const state = new StateView(shapes);
  for (const [family, recogniser] of Object.entries(RECOGNISERS)) {
    const derived = recogniser.derive(state);
    // A file of few tensors must not be able to ask for a million modules.
    if (!derived || Number(derived["moe.num_experts"] ?? 0) > shapes.size) continue;
    const recognised = complete(family, derived, recogniser, args, where);
    assertFits(recognised, shapes, where);
    return recognised;
  }
  const names = [...shapes.keys()];
  throw new CheckpointError(
    `Cannot tell which model ${where} holds: its ${names.length} tensors (${
      names.slice(0, 3).join(", ")
    }, ...) are ` +
      `not those of ${Object.keys(RECOGNISERS).join(", ")}`,
  );
}

/** Adds the fields that shapes don't tell. */
function complete(
  family: string,
  derived: DottedFields,
  recogniser: Recogniser,
  args: Readonly<Record<string, unknown>>,
  where: string,
): Recognised {
  const presets = Object.entries(PRESETS)
    .filter(([, preset]) => preset.family === family)
    .map(([name, preset]): [string, DottedFields] => [name, dotted(preset)]);
  const template = presets[0][1];
  const same = presets.find(([, preset]) =>
    Object.entries(derived).every(([field, value]) => FREE.includes(field) || preset[field] === value)
  );
  const told = { ...sectionsOf(args, template), ...typed(recogniser.fromArgs?.(args) ?? {}, template) };
  const fields: Record<string, unknown> = {
    ...recogniser.defaults,
    ...same?.[1],
    ...told,
    ...derived,
    family,
  };
  const missing = Object.keys(template).filter((field) => fields[field] === undefined);
  if (missing.length > 0) {
    throw new CheckpointError(
      `Cannot tell which model ${where} holds: it is a ${family} with ${
        sizes(derived)
      }, which is no preset's size, ` +
        `and its args do not tell ${missing.join(", ")}`,
    );
  }
  const fromPreset = same &&
    Object.keys(template).some((field) => derived[field] === undefined && told[field] === undefined);
  return { config: nested(fields, template), ...fromPreset && { preset: same[0] } };
}

/** Fields in which a model may differ from a preset and still route and attend as it does. */
const FREE = ["model.num_classes"];

function sizes(derived: DottedFields): string {
  return ["depth", "hidden_size", "patch_size"].map((name) => `${name} ${derived[`model.${name}`]}`).join(
    ", ",
  );
}

function assertFits({ config, preset }: Recognised, shapes: ReadonlyMap<string, Shape>, where: string): void {
  try {
    assertSameState(createModel(config).params.stateShapes(), shapes);
  } catch (cause) {
    const { message } = cause as Error;
    const defect = cause instanceof CheckpointError ? message.slice(message.indexOf(":") + 2) : message;
    throw new CheckpointError(`Cannot use ${where} as a ${preset ?? config.family}: ${defect}`, { cause });
  }
}

/** A configuration's fields by dotted path. */
function dotted(config: object): DottedFields {
  return Object.fromEntries(
    Object.entries(config).flatMap(([section, value]) =>
      typeof value === "object" && value !== null
        ? Object.entries(value).map(([name, field]) => [`${section}.${name}`, field])
        : [[section, value]]
    ),
  );
}

function nested(fields: DottedFields, template: DottedFields): ModelConfig {
  const config: Record<string, unknown> = {};
  for (const path of Object.keys(template)) {
    const [section, name] = path.split(".");
    if (name === undefined) config[section] = fields[path];
    else config[section] = { ...config[section] as object, [name]: fields[path] };
  }
  return config as unknown as ModelConfig;
}

/** Fields of `args` that are in sections of the configuration's own names. */
function sectionsOf(args: Readonly<Record<string, unknown>>, template: DottedFields): DottedFields {
  const found = Object.keys(template).map((path): [string, unknown] => {
    const [section, name] = path.split(".");
    const fields = Object.hasOwn(args, section) ? args[section] : undefined;
    const holds = typeof fields === "object" && fields !== null && name !== undefined &&
      Object.hasOwn(fields, name);
    return [path, holds ? (fields as Record<string, unknown>)[name] : undefined];
  });
  return typed(Object.fromEntries(found), template);
}

/** Leaves out values of another type than the configuration's: a file is not to be trusted. */
function typed(fields: DottedFields, template: DottedFields): DottedFields {
  return Object.fromEntries(
    Object.entries(fields).filter(([path, value]) =>
      value === null || template[path] === null
        ? value === template[path] || typeof value === "number"
        : typeof value === typeof template[path]
    ),
  );
}
