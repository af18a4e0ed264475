import type { Launch } from "../../kernel.ts";
import { oneLine } from "./failures.ts";

/** Source lines printed before and after the one that is wrong. */
const CONTEXT_LINES = 2;

/** The part of `GPUCompilationMessage` that is read here. */
export interface ShaderMessage {
  readonly type: string;
  readonly message: string;
  /** Line of the source, from 1; 0 where unknown. */
  readonly lineNum: number;
}

/**
 * Says why code did not compile: one line with kernel, reason and overrides, then the numbered source lines.
 *
 * `fallback` is the message of the error scope; it is used where the compiler has no messages of its own (a wrong
 * override or entry point, a limit).
 */
export function explainCompileError(
  kernel: string,
  launch: Launch,
  fallback: string,
  messages: readonly ShaderMessage[],
): string {
  const first = messages.find((message) => message.type === "error");
  const overrides = Object.entries(launch.overrides ?? {}).map(([name, value]) => `${name} = ${value}`);
  const facts = [`entry point ${launch.entryPoint ?? "main"}`, ...overrides].join(", ");
  const head = `Cannot compile kernel "${kernel}": ${reasonOf(first?.message ?? fallback)} (${facts})`;
  return first?.lineNum ? `${head}\n${numberedLines(launch.source, first.lineNum)}` : head;
}

/** Keeps naga's first line and its `= note` lines; what lies between is the source, which is printed anyway. */
function reasonOf(message: string): string {
  const lines = message.trim().split("\n").map((line) => line.trim());
  const notes = lines.slice(1).filter((line) => line.startsWith("= ")).map((line) => line.slice(2));
  const title = lines[0].replace(/^Shader (?:'[^']*' )?(?:parsing|validation) error: /, "");
  return lines.length > 1 && lines[1].includes("┌─") ? [title, ...notes].join("; ") : oneLine(message);
}

function numberedLines(source: string, wrong: number): string {
  const lines = source.split("\n");
  const first = Math.max(1, wrong - CONTEXT_LINES);
  const last = Math.min(lines.length, wrong + CONTEXT_LINES);
  const width = String(last).length;
  return lines.slice(first - 1, last).map((line, i) => {
    const number = first + i;
    return `${number === wrong ? ">" : " "} ${String(number).padStart(width)} | ${line}`;
  }).join("\n");
}
