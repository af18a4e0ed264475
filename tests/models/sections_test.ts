import { assertEquals } from "@std/assert";
import { weightSections } from "../../models/sections.ts";

function plain(names: readonly string[]): Record<string, Record<string, string>> {
  return Object.fromEntries([...weightSections(names)].map(([name, own]) => [name, Object.fromEntries(own)]));
}

Deno.test("`weightSections()` finds the weights of this project and of the DSMoE trainers", () => {
  assertEquals(plain(["model.a.w", "ema.a.w", "opt.state.0.exp_avg", "exp_avg.a.w"]), {
    model: { "a.w": "model.a.w" },
    ema: { "a.w": "ema.a.w" },
  });
});

Deno.test("`weightSections()` takes off the wrappers of JiT, data-parallel training and compilation", () => {
  assertEquals(plain(["model.net.w", "model_ema1.net.w", "model_ema2.net.w"]), {
    model: { w: "model.net.w" },
    ema: { w: "model_ema1.net.w" },
    ema2: { w: "model_ema2.net.w" },
  });
  assertEquals(plain(["module._orig_mod.net.w", "module._orig_mod.net.b"]), {
    model: { w: "module._orig_mod.net.w", b: "module._orig_mod.net.b" },
  });
  assertEquals(plain(["model.net.w", "model.b"]), { model: { "net.w": "model.net.w", b: "model.b" } });
});

Deno.test("`weightSections()` takes bare names for the model", () => {
  assertEquals(plain(["x.w", "y.w"]), { model: { "x.w": "x.w", "y.w": "y.w" } });
});
