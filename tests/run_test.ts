import { assertEquals } from "@std/assert";
import { diedAtExit, formatTotals, skippedTests, totalsOf } from "./run.ts";

Deno.test("`totalsOf()` reads the last summary", () => {
  const output =
    "ok | 99 passed | 0 failed (1ms)\n\nok | 12 passed (3 steps) | 0 failed | 2 ignored (1 step) (4s)\n\n";
  assertEquals(totalsOf(output, true), { passed: 12, failed: 0, skipped: 2 });
  assertEquals(totalsOf("FAILED | 1 passed | 3 failed (1s)", false), { passed: 1, failed: 3, skipped: 0 });
});

Deno.test("`totalsOf()` counts a failure when the run failed without one", () => {
  assertEquals(totalsOf("error: Type checking failed.", false), { passed: 0, failed: 1, skipped: 0 });
  assertEquals(totalsOf("FAILED | 5 passed | 0 failed (1s)", false), { passed: 5, failed: 1, skipped: 0 });
});

Deno.test("`diedAtExit()` is true of a signal after all tests have passed, and of nothing else", () => {
  const passed = "one ... ok (1ms)\n\nok | 1 passed (2 steps) | 0 failed (1s)\n\n";
  assertEquals(diedAtExit(passed, "SIGABRT"), true);
  assertEquals(diedAtExit(passed, null), false);
  assertEquals(diedAtExit(`${passed}running 1 test from ./b_test.ts\n`, "SIGABRT"), false);
  assertEquals(diedAtExit("FAILED | 1 passed | 1 failed (1s)\n", "SIGABRT"), false);
  assertEquals(diedAtExit("one ...", "SIGSEGV"), false);
});

Deno.test("`skippedTests()` names tests and files", () => {
  const output = `running 1 test from ./a_test.ts
one ... ok (1ms)
running 3 tests from ./b_test.ts
\`softmax()\` is exact [webgpu] ... ignored (0ms)
steps ...
  inner ... ignored (0ms)
steps ... ok (1ms)
last ... ignored (0ms)

ok | 2 passed (1 step) | 0 failed | 2 ignored (1 step) (4s)`;
  assertEquals(skippedTests(output), ["`softmax()` is exact [webgpu] (./b_test.ts)", "last (./b_test.ts)"]);
});

Deno.test("`formatTotals()` ends with passed and failed, and mentions skipped tests", () => {
  assertEquals(formatTotals({ passed: 3, failed: 1, skipped: 0 }), "3 passed, 1 failed");
  assertEquals(formatTotals({ passed: 3, failed: 0, skipped: 4 }), "3 passed, 0 failed, 4 skipped");
});
