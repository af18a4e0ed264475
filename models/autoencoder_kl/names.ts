/**
 * Names of an autoencoder's weights in the files that people have: today's of diffusers, the older ones of its attention,
 * and those of the original latent diffusion code, with and without the prefix that a whole diffusion model's file has
 * (reference behaviour 54).
 *
 * @module
 */
import { CheckpointError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";

/** What may stand before every name: the longest that fits is taken, and tensors without it are of other models. */
const PREFIXES = ["state_dict.first_stage_model.", "first_stage_model.", "state_dict."];

/** Tensors of training that have no part in the network. */
const IGNORED = /^(?:loss|model_ema)\./;

const SIDE = /^(encoder|decoder)\./;

/** From the original names to today's, except for the order of the decoder's levels. */
const RENAMINGS: readonly (readonly [RegExp, string])[] = [
  [/\.down\.(\d+)\.block\.(\d+)\./, ".down_blocks.$1.resnets.$2."],
  [/\.down\.(\d+)\.downsample\.conv\./, ".down_blocks.$1.downsamplers.0.conv."],
  [/\.up\.(\d+)\.block\.(\d+)\./, ".up_blocks.$1.resnets.$2."],
  [/\.up\.(\d+)\.upsample\.conv\./, ".up_blocks.$1.upsamplers.0.conv."],
  [/\.nin_shortcut\./, ".conv_shortcut."],
  [/\.mid\.block_1\./, ".mid_block.resnets.0."],
  [/\.mid\.block_2\./, ".mid_block.resnets.1."],
  [/\.mid\.attn_1\.norm\./, ".mid_block.attentions.0.group_norm."],
  [/\.mid\.attn_1\.([qkv])\./, ".mid_block.attentions.0.to_$1."],
  [/\.mid\.attn_1\.proj_out\./, ".mid_block.attentions.0.to_out.0."],
  [/\.attentions\.0\.query\./, ".attentions.0.to_q."],
  [/\.attentions\.0\.key\./, ".attentions.0.to_k."],
  [/\.attentions\.0\.value\./, ".attentions.0.to_v."],
  [/\.attentions\.0\.proj_attn\./, ".attentions.0.to_out.0."],
  [/^(encoder|decoder)\.norm_out\./, "$1.conv_norm_out."],
];

/** The weights of an attention, which are 1x1 convolutions in the original files. */
const CHANNEL_MAP = /\.attentions\.0\.to_(?:[qkv]|out\.0)\.weight$/;

/** One tensor of a file as the model sees it. */
export interface StatePlace {
  /** Its name in the file. */
  readonly place: string;
  /** Its shape in the model: that of the file, but for attention weights without the two trailing ones. */
  readonly shape: Shape;
}

/**
 * Finds an autoencoder's weights among the tensors of a file.
 *
 * @param shapes names and shapes of the file
 * @param where names the file in errors
 * @returns places by today's names
 * @throws {CheckpointError} when two tensors stand for one weight
 */
export function autoencoderPlaces(
  shapes: ReadonlyMap<string, Shape>,
  where: string,
): Map<string, StatePlace> {
  const names = [...shapes.keys()];
  const prefix = PREFIXES.find((own) => names.some((name) => name.startsWith(own))) ?? "";
  const own = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const levels = 1 +
    Math.max(-1, ...own.map((name) => Number(/^decoder\.up\.(\d{1,2})\./.exec(name)?.[1] ?? -1)));
  const places = new Map<string, StatePlace>();
  for (const name of own.filter((name) => !IGNORED.test(name))) {
    const current = currentName(name, levels);
    const place = prefix + name;
    const other = places.get(current);
    if (other) {
      throw new CheckpointError(
        `Cannot use ${where} as an autoencoder: ${other.place} and ${place} are both ${current}`,
      );
    }
    places.set(current, { place, shape: shapeOf(current, shapes.get(place)!) });
  }
  return places;
}

/**
 * Today's name of a tensor.
 *
 * @param name a name of any generation, without prefix
 * @param levels resolutions of the decoder, which the original files number in the opposite direction
 */
export function currentName(name: string, levels: number): string {
  if (!SIDE.test(name)) return name;
  const turned = name.replace(
    /^decoder\.up\.(\d+)\./,
    (_, level) => `decoder.up.${levels - 1 - Number(level)}.`,
  );
  return RENAMINGS.reduce((own, [from, to]) => own.replace(from, to), turned);
}

function shapeOf(name: string, shape: Shape): Shape {
  const pointwise = shape.length === 4 && shape[2] === 1 && shape[3] === 1;
  return pointwise && CHANNEL_MAP.test(name) ? shape.slice(0, 2) : shape;
}
