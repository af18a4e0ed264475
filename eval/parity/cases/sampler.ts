import { Dsmoe } from "../../../models/dsmoe/dsmoe.ts";
import { RectifiedFlowSampler, SAMPLER_METHODS } from "../../sampler.ts";
import { type CaseRunner, loadParameters } from "../case.ts";
import { dsmoeConfigOf } from "../dsmoe_config.ts";

/** The rectified-flow sampler from given noise and labels, state by state (behaviour 41). */
export const runSampler: CaseRunner = async (context) => {
  const { device, golden, checks } = context;
  const model = new Dsmoe(dsmoeConfigOf(golden.config));
  using params = model.params;
  await loadParameters(context, params);
  const fields = golden.config.section("sampler");
  const [steps, scale] = [fields.number("steps"), fields.number("cfg")];
  // Without a null label the reference runs the conditional pass alone, whatever the scale.
  const guidance = fields.flag("use_null") ? scale : 1;
  const method = fields.choice("mode", SAMPLER_METHODS);
  fields.finish();
  const [noise, labels] = [await golden.read("in.z"), await golden.read("in.y")];
  using sampler = await RectifiedFlowSampler.create(device, model, {
    batch: labels.length,
    steps,
    method,
    guidance,
  });
  await checks.values("out.z.0", noise, "sampler");
  const images = await sampler.sample({
    labels: Int32Array.from(labels),
    noise: Float32Array.from(noise),
    onStep: async (done, state) => {
      if (done < steps) await checks.values(`out.z.${done}`, await state(), "sampler");
    },
  });
  await checks.values("out", images, "sampler");
};
