import type { Device } from "../engine/device/device.ts";
import type { DiffusionModel } from "../models/model.ts";
import { AdaptiveSampler } from "./samplers/adaptive.ts";
import { FixedStepSampler } from "./samplers/fixed_step.ts";
import { checkOptions, type Sampler, type SamplerOptions } from "./samplers/options.ts";

export {
  type GuidanceInterval,
  type RoutingDivergence,
  type Sampler,
  SAMPLER_METHODS,
  type SampleRequest,
  type SamplerMethod,
  type SamplerOptions,
  type Samples,
  type StepDivergence,
} from "./samplers/options.ts";

/**
 * Makes a sampler: what runs on the device is recorded here, once.
 *
 * @throws {ConfigError} when an option is out of range
 */
export async function createSampler(
  device: Device,
  model: DiffusionModel,
  options: SamplerOptions,
): Promise<Sampler> {
  checkOptions(options);
  const kind = options.method === "dopri5" ? AdaptiveSampler : FixedStepSampler;
  const record = (): Promise<Sampler> => kind.create(device, model, options);
  return await (options.weights ? model.params.substitute(options.weights, record) : record());
}
