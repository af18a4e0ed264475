import { resourceUsage } from "node:process";

const KIB = 1024;

/** The most memory that the process has held, where the system tells, and otherwise what it holds now. In bytes. */
export function peakMemory(): number {
  const now = Deno.memoryUsage().rss;
  // Other systems count in other units.
  return Deno.build.os === "linux" ? Math.max(now, resourceUsage().maxRSS * KIB) : now;
}
