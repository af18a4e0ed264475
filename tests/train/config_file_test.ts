import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../../engine/core/errors.ts";
import {
  applyOverrides,
  type ConfigSchema,
  fieldNames,
  mergeConfig,
  parseConfig,
  readConfigFile,
} from "../../train/config_file.ts";

interface Config {
  model: { depth: number; rope: string; scaling: number; qkNorm: boolean; widths: readonly number[] };
  train: { lr: number; clip: number | null; note: string };
  steps: number;
}

const DEFAULTS: Config = {
  model: { depth: 6, rope: "2d", scaling: 1, qkNorm: false, widths: [1, 2] },
  train: { lr: 1e-4, clip: null, note: "" },
  steps: 100,
};

const SCHEMA: ConfigSchema = {
  "model.depth": { type: "integer" },
  "model.rope": { oneOf: ["none", "1d", "2d"] },
  "train.clip": { type: "number" },
  steps: { type: "integer" },
};

function override(path: string, text: string): Config {
  return applyOverrides(DEFAULTS, { [path]: text }, SCHEMA);
}

Deno.test("`applyOverrides()` converts each text to the type of its field", () => {
  const overrides = {
    "model.depth": "4",
    "model.rope": "none",
    "model.scaling": "2.5e-1",
    "model.qkNorm": "true",
    "model.widths": "3,-4.5,6",
    "train.clip": "1.5",
    "train.note": "a=b, true",
    steps: "7",
  };
  assertEquals(applyOverrides(DEFAULTS, overrides, SCHEMA), {
    model: { depth: 4, rope: "none", scaling: 0.25, qkNorm: true, widths: [3, -4.5, 6] },
    train: { lr: 1e-4, clip: 1.5, note: "a=b, true" },
    steps: 7,
  });
});

Deno.test("`applyOverrides()` leaves the given configuration as it was, also when frozen", () => {
  const frozen = Object.freeze({ model: Object.freeze({ depth: 6 }) });
  assertEquals(applyOverrides(frozen, { "model.depth": "1" }), { model: { depth: 1 } });
  assertEquals(frozen.model.depth, 6);
});

Deno.test("`applyOverrides()` sets null where the default is null or the rule allows it, and nowhere else", () => {
  const clipped = override("train.clip", "2");
  assertEquals(
    applyOverrides(clipped, { "train.clip": "none" }, { "train.clip": { nullable: true } }).train.clip,
    null,
  );
  assertEquals(override("train.clip", "null").train.clip, null);
  assertThrows(() => override("steps", "null"), ConfigError, 'Cannot set --steps to "null"');
});

Deno.test("`applyOverrides()` suggests the nearest option when one is mistyped", () => {
  const cases = [
    ["model.detph", "model.depth"],
    ["modle.depth", "model.depth"],
    ["model.ropes", "model.rope"],
    ["step", "steps"],
    ["depth", "model.depth"],
    ["model.qknorm", "model.qkNorm"],
    ["model.depth.x", "model.depth"],
  ];
  for (const [wrong, right] of cases) {
    const error = assertThrows(() => override(wrong, "4"), ConfigError) as Error;
    assertEquals(error.message, `Unknown option --${wrong}: did you mean --${right}?`);
  }
});

Deno.test("`applyOverrides()` lists the options when none is near", () => {
  assertThrows(() => override("quantisation", "4"), ConfigError, "known are --model.depth, --model.rope,");
});

Deno.test("`applyOverrides()` knows only own keys when the name is one of every object's", () => {
  for (const name of ["constructor", "__proto__.polluted", "model.__proto__.polluted", "toString", "", "."]) {
    assertThrows(() => override(name, "1"), ConfigError, "Unknown option");
  }
  assert(!("polluted" in {}));
});

Deno.test("`applyOverrides()` names option, value and what is wanted when the type is wrong", () => {
  const cases: [string, string, string][] = [
    ["model.depth", "four", "a whole number"],
    ["model.depth", "4.5", "a whole number"],
    ["model.depth", "", "a whole number"],
    ["model.depth", "0x10", "a whole number"],
    ["model.scaling", "NaN", "a finite number"],
    ["model.scaling", "1e999", "a finite number"],
    ["model.qkNorm", "yes", "true or false"],
    ["model.rope", "3d", 'one of "none", "1d", "2d"'],
    ["model.widths", "1,,2", "a list of finite numbers"],
    ["train.clip", "soft", "a finite number, or null,"],
  ];
  for (const [path, text, wanted] of cases) {
    const error = assertThrows(() => override(path, text), ConfigError) as Error;
    assertEquals(error.message, `Cannot set --${path} to ${JSON.stringify(text)}: ${wanted} is wanted`);
  }
});

Deno.test("`applyOverrides()` names a field of the group when a group is set", () => {
  assertThrows(() => override("model", "4"), ConfigError, "set one of its fields, such as --model.depth");
});

Deno.test("`applyOverrides()` asks for a rule when a null default hides the type", () => {
  assertThrows(() => applyOverrides({ clip: null }, { clip: "1" }), ConfigError, "the schema must name it");
});

Deno.test("`mergeConfig()` puts the values of a file over the defaults", () => {
  const file = parseConfig("model:\n  depth: 4\n  widths: [8]\ntrain: {clip: 0.5}\n", "a.yaml");
  const merged = mergeConfig(DEFAULTS, file, SCHEMA, "a.yaml");
  assertEquals(merged, {
    model: { ...DEFAULTS.model, depth: 4, widths: [8] },
    train: { ...DEFAULTS.train, clip: 0.5 },
    steps: 100,
  });
  assertEquals(DEFAULTS.model.depth, 6);
});

Deno.test("`mergeConfig()` names field, file and what is wanted when the file does not fit", () => {
  const cases = [
    ["model: {detph: 4}", 'Unknown option model.detph in "a.yaml": did you mean model.depth?'],
    ["model: {depth: four}", 'Cannot set model.depth in "a.yaml" to "four": a whole number is wanted'],
    ["model: {depth: '4'}", 'Cannot set model.depth in "a.yaml" to "4": a whole number is wanted'],
    ["model: {scaling: .inf}", 'Cannot set model.scaling in "a.yaml" to Infinity: a finite number is wanted'],
    [
      "model: {widths: [1, a]}",
      'Cannot set model.widths in "a.yaml" to [1,"a"]: a list of finite numbers is wanted',
    ],
    [
      "model: {rope: {a: 1}}",
      'Cannot set model.rope in "a.yaml" to {"a":1}: one of "none", "1d", "2d" is wanted',
    ],
    ["steps:", 'Cannot set steps in "a.yaml" to null: a whole number is wanted'],
    [
      "model: 3",
      'Cannot set model in "a.yaml" to 3: it is a group, set one of its fields, such as model.depth',
    ],
    ["modell: {depth: 4}", 'Unknown option modell in "a.yaml": did you mean model?'],
  ];
  for (const [text, message] of cases) {
    const error = assertThrows(
      () => mergeConfig(DEFAULTS, parseConfig(text, "a.yaml"), SCHEMA, "a.yaml"),
      ConfigError,
    ) as Error;
    assertEquals(error.message, message);
  }
});

Deno.test("`parseConfig()` says where in the file the mistake is, in one line", () => {
  for (const text of ["a: [1", "a: 1\na: 2", "a: *unknown", "a: !!js/function x"]) {
    const error = assertThrows(() => parseConfig(text, "bad.yaml"), ConfigError, '"bad.yaml"') as Error;
    assertMatch(error.message, /^Cannot parse the configuration "bad\.yaml": [^\n]+ \(\d+:\d+\)$/);
  }
});

Deno.test("`parseConfig()` gives an empty configuration for an empty text and refuses a list", () => {
  assertEquals(parseConfig("# nothing\n", "empty.yaml"), {});
  assertThrows(() => parseConfig("- 1", "list.yaml"), ConfigError, "a mapping of fields wanted, got [1]");
  assertThrows(() => parseConfig("a: 1\n---\na: 2", "two.yaml"), ConfigError, 'got [{"a":1},{"a":2}]');
});

Deno.test("`readConfigFile()` reads YAML, and names the file when it is missing", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, "model:\n  depth: 4 # small\n");
    assertEquals(await readConfigFile(path), { model: { depth: 4 } });
  } finally {
    await Deno.remove(path);
  }
  await assertRejects(() => readConfigFile(path), ConfigError, `Cannot read the configuration "${path}"`);
});

Deno.test("`fieldNames()` lists dotted names in order", () => {
  assertEquals(fieldNames({ b: { c: 1, d: [2] }, a: null }), ["b.c", "b.d", "a"]);
});
