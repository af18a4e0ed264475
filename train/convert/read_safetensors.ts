import type { SafetensorsFile } from "../../engine/checkpoint/safetensors.ts";
import { aboutFile, parseJson } from "../../models/about.ts";
import { weightSections } from "../../models/sections.ts";
import { type CheckpointState, isExtra, type Moments, type StateTensor, tensorOf } from "./state.ts";

/** Sections beside the weights, as `train` writes them. */
const MOMENTS = ["exp_avg", "exp_avg_sq", "step"] as const;

/**
 * Reads what a safetensors file holds: a checkpoint of this project, or bare `state_dict` names.
 *
 * @throws {CheckpointError} when its metadata is broken
 */
export function readSafetensorsState(file: SafetensorsFile): CheckpointState {
  const names = [...file.tensors.keys()];
  const bare = !names.some((name) => /^(?:model|ema|ema2)\./.test(name));
  const sections = bare ? new Map([["model" as const, verbatim(names)]]) : weightSections(names);
  const moments = bare ? new Map<string, Moments>() : momentsOf(file, names);
  const extra = bare ? [] : names.filter((name) => isExtra(name));
  const used = new Set([
    ...[...sections.values()].flatMap((section) => [...section.values()]),
    ...[...moments.keys()].flatMap((name) => MOMENTS.map((section) => `${section}.${name}`)),
    ...extra,
  ]);
  const { metadata, args } = aboutFile(file);
  const { epoch, param_groups: groups } = metadata;
  return {
    sections: new Map(
      [...sections].map(([section, places]) => [
        section,
        new Map([...places].map(([name, place]): [string, StateTensor] => [name, tensorOf(file, place)])),
      ]),
    ),
    bare,
    moments,
    groups: groups === undefined ? [] : parseJson(file.path, groups) as CheckpointState["groups"],
    extra: new Map(extra.map((name) => [name, tensorOf(file, name)])),
    metadata,
    args,
    epoch: epoch === undefined ? undefined : Number(epoch),
    leftOut: names.filter((name) => !used.has(name)),
  };
}

function verbatim(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name, name]));
}

function momentsOf(file: SafetensorsFile, names: readonly string[]): Map<string, Moments> {
  const found = new Map<string, Moments>();
  for (const place of names.filter((name) => name.startsWith("exp_avg."))) {
    const name = place.slice("exp_avg.".length);
    if (!MOMENTS.every((section) => file.tensors.has(`${section}.${name}`))) continue;
    found.set(name, {
      exp_avg: tensorOf(file, place),
      exp_avg_sq: tensorOf(file, `exp_avg_sq.${name}`),
      step: tensorOf(file, `step.${name}`),
    });
  }
  return found;
}
