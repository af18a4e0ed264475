import { assertEquals } from "@std/assert";
import { formatTotals, skippedTests, totalsOf } from "./run.ts";

Deno.test("`totalsOf()` reads the last summary, coloured or not", () => {
  const summary =
    "\x1b[0m\x1b[32mok\x1b[0m | 12 passed (3 steps) | 0 failed | 2 ignored (1 step) \x1b[0m(4s)";
  const inner = "ok | 99 passed | 0 failed (1ms)";
  assertEquals(totalsOf(`${inner}\n${summary}\n\n`, true), { passed: 12, failed: 0, skipped: 2 });
  assertEquals(totalsOf("FAILED | 1 passed | 3 failed (1s)", false), { passed: 1, failed: 3, skipped: 0 });
});

Deno.test("`totalsOf()` counts a failure when the run failed without one", () => {
  assertEquals(totalsOf("error: Type checking failed.", false), { passed: 0, failed: 1, skipped: 0 });
  assertEquals(totalsOf("FAILED | 5 passed | 0 failed (1s)", false), { passed: 5, failed: 1, skipped: 0 });
});

Deno.test("`skippedTests()` names tests and files", () => {
  const report = `<testsuite name="./a_test.ts">
    <testcase name="one" classname="./a_test.ts" time="0.1">
    </testcase>
    <testcase name="a &lt; &quot;b&quot; [webgpu]" classname="./a_test.ts" time="0.0" line="2" col="6">
        <skipped/>
    </testcase>
    <testcase name="three" classname="./a_test.ts" time="0.1"><failure message="x">&lt;skipped</failure>
    </testcase>`;
  assertEquals(skippedTests(report), ['a < "b" [webgpu] (./a_test.ts)']);
});

Deno.test("`formatTotals()` ends with passed and failed, and mentions skipped tests", () => {
  assertEquals(formatTotals({ passed: 3, failed: 1, skipped: 0 }), "3 passed, 1 failed");
  assertEquals(formatTotals({ passed: 3, failed: 0, skipped: 4 }), "3 passed, 0 failed, 4 skipped");
});
