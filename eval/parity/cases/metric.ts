import { type Features, frechetDistance, frechetDistanceOfFeatures, gaussianOf } from "../../metrics/mod.ts";
import { type InceptionScore, inceptionScore, type SplitRule } from "../../metrics/mod.ts";
import { insideManifold, neighbourRadii, precisionRecall } from "../../metrics/mod.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import type { CaseContext, CaseRunner } from "../case.ts";

/** Fréchet distance from features and from means and covariances (behaviour 44). */
export const runFrechetDistance: CaseRunner = async (context) => {
  const { golden: { config }, checks } = context;
  config.ignore("n1", "n2", "dim", "rank", "eps", "argument_order");
  const expected = config.section("expected");
  const sets = [await features(context, "features_1"), await features(context, "features_2")];
  const gaussians = sets.map(gaussianOf);
  for (const [i, { mean, covariance }] of gaussians.entries()) {
    await checks.values(`out.mu_${i + 1}`, mean, "output");
    await checks.values(`out.sigma_${i + 1}`, covariance, "output");
  }
  const distances = {
    "of features": frechetDistanceOfFeatures(sets[0], sets[1]),
    "of moments": frechetDistance(gaussians[0], gaussians[1]),
  };
  for (const name of ["fid", "fid_float64_mean", "fid_eigen"]) {
    const want = expected.number(name);
    const equalSets = expected.number("fid") === 0;
    for (const [form, got] of Object.entries(distances)) {
      const error = Math.abs(got - want) / (equalSets ? 1 : want);
      checks.measured(`expected.${name} ${form}`, error, equalSets ? "fidOfEqualSets" : "fid");
    }
  }
  checks.covered("out.fid");
  expected.finish();
  config.finish();
};

/** Inception Score under both rules of splitting (behaviour 45). */
export const runInceptionScore: CaseRunner = async (context) => {
  const { golden, checks } = context;
  const { config } = golden;
  config.ignore("n", "classes");
  const fidelity = config.section("torch_fidelity");
  fidelity.ignore("shuffle", "rng");
  const splits = fidelity.number("splits");
  fidelity.finish();
  const logits = await features(context, "logits");
  const order = await golden.read("in.permutation");
  const score = (rule: SplitRule): InceptionScore => inceptionScore(logits, rule);
  const consecutive = score({ kind: "consecutive", size: config.number("consecutive_split_size") });
  const given = score({ kind: "fidelity", splits, order });
  const unshuffled = score({ kind: "fidelity", splits, order: null });
  const own = score({ kind: "fidelity", splits });
  await checks.values("out.split_scores", consecutive.splits, "inceptionScore");
  await checks.values("out.inception_score", [consecutive.mean], "inceptionScore");
  await checks.values("out.fidelity_split_scores", given.splits, "inceptionScore");
  await checks.values("out.fidelity_mean", [given.mean], "inceptionScore");
  await checks.values("out.fidelity_std", [given.deviation], "inceptionScore");
  await checks.values("out.fidelity_noshuffle_split_scores", unshuffled.splits, "inceptionScore");
  const expected = config.section("expected");
  for (
    const [name, got] of Object.entries({
      is_consecutive_splits: consecutive.mean,
      is_consecutive_float64: consecutive.mean,
      is_fidelity_mean: own.mean,
      is_fidelity_std: own.deviation,
      is_fidelity_noshuffle_mean: unshuffled.mean,
      is_fidelity_noshuffle_std: unshuffled.deviation,
    })
  ) {
    const want = expected.number(name);
    checks.measured(`expected.${name}`, Math.abs(got - want) / want, "inceptionScore");
  }
  expected.finish();
  config.finish();
};

/** Improved precision and recall with their masks (behaviour 46). */
export const runPrecisionRecall: CaseRunner = async (context) => {
  const { golden: { config }, checks } = context;
  config.ignore("n1", "n2", "dim", "definition");
  const k = config.number("k");
  const [reference, samples] = [await features(context, "features_1"), await features(context, "features_2")];
  const radii = [neighbourRadii(reference, k), neighbourRadii(samples, k)];
  await checks.values("out.radii_1", radii[0], "output");
  await checks.values("out.radii_2", radii[1], "output");
  await checks.integers("out.inside_2", insideManifold(samples, reference, radii[0]));
  await checks.integers("out.inside_1", insideManifold(reference, samples, radii[1]));
  const { precision, recall } = precisionRecall(reference, samples, k);
  const expected = config.section("expected");
  for (const [name, got] of Object.entries({ precision, recall })) {
    // The file holds them in f32, the configuration in full.
    await checks.integers(`out.${name}`, Float32Array.of(got));
    checks.counted(`expected.${name}`, got === expected.number(name) ? 0 : 1);
  }
  expected.finish();
  config.finish();
};

/** The golden entry `in.<name>` as features: `f32[N, D]`. */
async function features({ golden }: CaseContext, name: string): Promise<Features> {
  const [rows, columns] = golden.shape(`in.${name}`);
  const data = await golden.read(`in.${name}`);
  if (data instanceof Float32Array) return { rows, columns, data };
  throw new CheckpointError(`Cannot use "in.${name}" as features: wanted F32`);
}
