import { ConfigError } from "../../../engine/core/errors.ts";
import type { DiffusionModel } from "../../../models/model.ts";
import { createSampler, SAMPLER_METHODS, type SamplerOptions } from "../../sampler.ts";
import { type CaseRunner, loadParameters } from "../case.ts";
import type { Fields } from "../fields.ts";
import { modelOf } from "../models.ts";

/** A sampler from given noise and labels, state by state (behaviours 41 and 43). */
export const runSampler: CaseRunner = async (context) => {
  const { device, golden, checks } = context;
  const model = modelOf(golden);
  using params = model.params;
  await loadParameters(context, params);
  const [noise, labels] = [await golden.read("in.z"), await golden.read("in.y")];
  const fields = golden.config.section("sampler");
  const options = optionsOf(fields, model);
  fields.finish();
  const { steps } = options;
  using sampler = await createSampler(device, model, { ...options, batch: labels.length });
  const start = Float32Array.from(noise, (value) => value * model.objective.noiseScale);
  await checks.values("out.z.0", start, "sampler");
  const { images } = await sampler.sample({
    labels: Int32Array.from(labels),
    noise: Float32Array.from(noise),
    onStep: async (done, state) => {
      if (done < steps) await checks.values(`out.z.${done}`, await state(), "sampler");
    },
  });
  await checks.values("out", images, "sampler");
};

function optionsOf(fields: Fields, model: DiffusionModel): Omit<SamplerOptions, "batch"> {
  const [steps, scale] = [fields.number("steps"), fields.number("cfg")];
  if (fields.has("mode")) {
    // Without a null label the reference runs the conditional pass alone, whatever the scale.
    const guidance = fields.flag("use_null") ? scale : 1;
    return { steps, guidance, method: fields.choice("mode", SAMPLER_METHODS) };
  }
  const noiseScale = fields.number("noise_scale");
  if (noiseScale !== model.objective.noiseScale) {
    throw new ConfigError(
      `Cannot use ${fields.where}.noise_scale ${noiseScale}: wanted the model's ${model.objective.noiseScale}`,
    );
  }
  // The model reads its own from the denoiser's section.
  fields.ignore("t_eps");
  const interval = [fields.number("interval_min"), fields.number("interval_max")] as const;
  return { steps, guidance: scale, interval, method: fields.choice("method", SAMPLER_METHODS) };
}
