import { assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../eval/parity/main.ts";
import { captured } from "../output.ts";
import { alter, goldenPath, GOLDENS } from "./altered.ts";

Deno.test("`parity` prints an aligned table and a summary per family, and exits 0 when all pass", async () => {
  const { value, out } = await captured(() =>
    main([GOLDENS, "--device", "reference", "--families", "mlp,router"])
  );
  assertEquals(value, 0);
  assertStringIncludes(out, "router  2 passed, 0 failed");
  assertStringIncludes(out, "3 passed, 0 failed on reference, strict tolerances");
  const rows = out.split("\n").filter((line) => line.endsWith("pass"));
  assertEquals(rows.length, 3);
  assertEquals(new Set(rows.map((row) => row.lastIndexOf("pass"))).size, 1);
});

Deno.test("`parity --verbose` prints every quantity", async () => {
  const { out } = await captured(() => main([`${GOLDENS}rope_1d`, "--device", "reference", "--verbose"]));
  for (const name of ["out.cos", "out.sin", "out.q", "out.k", "grad.in.q", "grad.in.k"]) {
    assertStringIncludes(out, ` ${name} `);
  }
});

Deno.test("`parity --json` prints a report that a program can read", async () => {
  const { value, out } = await captured(() => main([`${GOLDENS}rope_*`, "--device", "reference", "--json"]));
  const report = JSON.parse(out);
  assertEquals([value, report.passed, report.cases.length], [0, true, 2]);
  assertEquals(report.cases[0].checks[0].tolerance, 1e-6);
});

Deno.test("`parity --tolerance relaxed` takes the wider column", async () => {
  const args = [`${GOLDENS}unpatchify`, "--device", "reference", "--tolerance", "relaxed", "--json"];
  const { out } = await captured(() => main(args));
  assertEquals(JSON.parse(out).cases[0].checks[0].tolerance, 1e-4);
});

Deno.test("`parity` prints the failure and exits 1 when a value differs", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await alter("final_layer", `${folder}/off.safetensors`, {
      values: (name, data) => {
        if (name === "out") data[0] += 1;
      },
    });
    const { value, out } = await captured(() => main([folder, "--device", "reference"]));
    assertEquals(value, 1);
    assertStringIncludes(out.split("\n").find((line) => line.includes("FAIL"))!, "off   out ");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (
  const [name, args, message] of [
    ["there is no file", [], "Cannot run parity without golden files"],
    ["a file is missing", ["missing.safetensors"], "Cannot find golden files at missing.safetensors"],
    ["the device is unknown", [goldenPath("rope_1d"), "--device", "tpu"], 'Cannot open device "tpu"'],
    ["the tolerance is unknown", [goldenPath("rope_1d"), "--tolerance", "lax"], "wanted strict or relaxed"],
    ["an option is mistyped", [goldenPath("rope_1d"), "--devise", "cpu"], "Unknown option --devise"],
    [
      "no case is of the family",
      [GOLDENS, "--families", "audio", "--device", "reference"],
      "of family audio",
    ],
  ] as const
) {
  Deno.test(`\`parity\` prints one line and exits 1 when ${name}`, async () => {
    const { value, err } = await captured(() => main(args));
    assertEquals(value, 1);
    assertEquals(err.trimEnd().split("\n").length, 1);
    assertStringIncludes(err, message);
  });
}
