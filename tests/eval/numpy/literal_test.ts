import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Decimal, type Literal, parseLiteral } from "../../../eval/numpy/literal.ts";

Deno.test("`parseLiteral()` reads what headers hold", () => {
  const parsed = parseLiteral(`{'descr': "<f8", 'fortran_order': False, "shape": (4L, 5, ), } \n`);
  assertEquals(
    parsed,
    new Map<string, Literal>([["descr", "<f8"], ["fortran_order", false], ["shape", [4, 5]]]),
  );
  assertEquals(parseLiteral("[('x', '<f4', (2,)), (u'it\\'s', b'|u1')]"), [["x", "<f4", [2]], [
    "it's",
    "|u1",
  ]]);
  assertEquals(parseLiteral(" ( ) "), []);
  assertEquals(parseLiteral("None"), null);
});

Deno.test("`parseLiteral()` takes a value in parentheses for the value, as Python does", () => {
  assertEquals(parseLiteral("(3)"), 3);
  assertEquals(parseLiteral("(3,)"), [3]);
});

Deno.test("`parseLiteral()` keeps numbers that are not whole apart", () => {
  for (const text of ["3.0", "3.", "1e3", "-2.5E-1"]) {
    const value = parseLiteral(text);
    assert(value instanceof Decimal);
    assertEquals(value.text, text);
  }
  assertEquals(parseLiteral("-3"), -3);
});

Deno.test("`parseLiteral()` names what does not belong there", () => {
  const broken: readonly [string, string][] = [
    ["__import__('os').system('x')", 'a literal wanted at character 0, got "__import__(\'"'],
    ["{'a': 1, 'a': 2}", "a new string as key wanted"],
    ["{1: 2}", "a new string as key wanted"],
    ["{'a' 1}", '":" wanted at character 5'],
    ["(1 2)", '"," or ")" wanted at character 3'],
    ["{'a': 1", '"," or "}" wanted at character 7'],
    ["(1, 2) + (3,)", "the end wanted at character 7"],
    ["'open", "a literal wanted"],
    ["Truest", "a literal wanted"],
    ["", "a literal wanted at character 0"],
    ["(".repeat(100_000), "nesting deeper than 16"],
  ];
  for (const [text, message] of broken) {
    assertStringIncludes(assertThrows(() => parseLiteral(text), SyntaxError).message, message);
  }
});
