import { assertAlmostEquals, assertEquals } from "@std/assert";
import { balanceOf, expertLoads } from "../../train/metrics_log.ts";

Deno.test("`balanceOf()` calls equal counts balanced", () => {
  assertEquals(balanceOf([5, 5, 5, 5]), {
    cv: 0,
    max_share: 0.25,
    entropy: 1,
    dead: 0,
    shares: [0.25, 0.25, 0.25, 0.25],
  });
});

Deno.test("`balanceOf()` measures spread, entropy and dead experts", () => {
  const { cv, max_share, entropy, dead, shares } = balanceOf([6, 2, 0, 0]);
  assertEquals([max_share, dead, shares], [0.75, 2, [0.75, 0.25, 0, 0]]);
  // Counts 6, 2, 0, 0 have mean 2 and variance 6.
  assertAlmostEquals(cv, Math.sqrt(6) / 2, 1e-12);
  assertAlmostEquals(entropy, (0.75 * Math.log(4 / 3) + 0.25 * Math.log(4)) / Math.log(4), 1e-12);
});

Deno.test("`balanceOf()` has numbers for one expert, one busy expert, and no token", () => {
  assertEquals(balanceOf([3]), { cv: 0, max_share: 1, entropy: 1, dead: 0, shares: [1] });
  assertEquals([balanceOf([0, 7]).entropy, balanceOf([0, 7]).dead], [0, 1]);
  assertEquals(balanceOf([0, 0]), { cv: 1, max_share: 0, entropy: 0, dead: 2, shares: [0, 0] });
});

Deno.test("`expertLoads()` adds up the steps of an interval, layer by layer", () => {
  const row = (counts: number[][]) => ({ loss: 1, gradNorm: 1, counts });
  const layers = [{ path: "blocks.1.mlp", experts: 2 }, { path: "blocks.3.mlp", experts: 2 }];
  const loads = expertLoads(layers, [row([[4, 0], [1, 3]]), row([[0, 4], [1, 3]])]);
  assertEquals(loads.map(({ layer, shares, dead }) => [layer, shares, dead]), [
    ["blocks.1.mlp", [0.5, 0.5], 0],
    ["blocks.3.mlp", [0.25, 0.75], 0],
  ]);
});
