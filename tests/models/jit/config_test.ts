import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../engine/core/errors.ts";
import { isDropoutBlock, type JitMoeConfig, validateJit } from "../../../models/jit/config.ts";
import { JIT_NANO, JITMOE_NANO } from "../../../models/jit/presets.ts";

Deno.test("`isDropoutBlock()` is true in the middle half of the depth", () => {
  const blocks = (depth: number) => [...Array(depth).keys()].filter((i) => isDropoutBlock({ depth }, i));
  assertEquals(blocks(4), [1, 2]);
  assertEquals(blocks(12), [3, 4, 5, 6, 7, 8]);
  // Both ends are counted in whole quarters.
  assertEquals(blocks(10), [2, 3, 4, 5]);
  assertEquals(blocks(3), []);
});

Deno.test("`validateJit()` accepts the nano presets", () => {
  validateJit(JIT_NANO);
  validateJit(JITMOE_NANO);
});

type Section = "model" | "moe" | "objective";
const REFUSED: readonly (readonly [Section, string, number, string])[] = [
  ["model", "input_size", 30, "a multiple of patch_size 4"],
  ["model", "hidden_size", 120, "a multiple of 4 * num_heads 16"],
  ["model", "bottleneck_dim", 0, "a whole number of at least 1"],
  ["model", "mlp_ratio", 0, "more than 0"],
  ["model", "in_context_len", -1, "a whole number of at least 0"],
  ["model", "in_context_start", 4, "the number of a block, 0 to 3"],
  ["model", "class_dropout_prob", 1, "at least 0 and below 1"],
  ["model", "proj_drop", 1, "at least 0 and below 1"],
  ["moe", "proj_drop", -0.1, "at least 0 and below 1"],
  ["moe", "n_group", 3, "a divisor of num_experts 8"],
  ["objective", "P_std", -1, "0 or more"],
  ["objective", "P_mean", Infinity, "a finite number"],
  ["objective", "t_eps", 0, "more than 0 and less than 1"],
  ["objective", "noise_scale", 0, "more than 0"],
];

for (const [section, field, value, wanted] of REFUSED) {
  Deno.test(`\`validateJit()\` refuses ${section}.${field} ${value}`, () => {
    const config = { ...JITMOE_NANO, [section]: { ...JITMOE_NANO[section], [field]: value } } as JitMoeConfig;
    const message = `Cannot use ${section}.${field} ${value}: wanted ${wanted}`;
    assertThrows(() => validateJit(config), ConfigError, message);
  });
}
