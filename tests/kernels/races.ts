/**
 * Looks for data races by `npm:wgsl_reflect`, which runs the invocations of a workgroup in lockstep on the CPU and
 * notes who reads and writes what between two barriers. Races between workgroups are not seen.
 *
 * @module
 */
import { hostArray } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { DEFAULT_LIMITS } from "../../engine/device/null_backend.ts";
import { type AnyKernel, type Launch, slotOf } from "../../engine/kernel.ts";
import { type AnyCase, inputValues } from "../../bench/suites.ts";

const PACKAGE = "npm:wgsl_reflect@1.6.0/wgsl_reflect.module.js";

/** Elements that a buffer has beyond its end: the interpreter stops where a shader reads there. */
const PADDING = 1024;

/** What an invocation is about to do; the states are those of the package. */
interface Invocation {
  readonly index: number;
  readonly stack: unknown;
  state: typeof RUNNING | typeof AT_BARRIER | typeof DONE;
  barrierNode: unknown;
}

const [RUNNING, AT_BARRIER, DONE] = [0, 1, 2] as const;

interface Scheduler {
  readonly _invocations: readonly Invocation[];
  readonly _tracker: { currentInvocation: number; currentLine: number; endPhase(): void };
  readonly _debug: { stepStack(stack: unknown, into: boolean): void };
  _peek(invocation: Invocation): { readonly line: number } | null;
  _asBarrier(command: { readonly line: number }): unknown;
  _syncBarrier(waiting: readonly Invocation[]): void;
}

/** The part of the package that is used here. */
export interface Detector {
  readonly WorkgroupScheduler: { readonly prototype: { run(this: Scheduler): void } };
  detectRaces(
    code: string,
    entryPoint: string,
    groups: readonly number[],
    bindings: Readonly<Record<string, Readonly<Record<string, ArrayBufferView>>>>,
    config: { readonly constants: Readonly<Record<string, number>> },
  ): { readonly races: readonly { readonly message: string }[]; readonly errors: readonly string[] };
}

/** The package; undefined where it cannot be had. */
export async function loadDetector(): Promise<Detector | undefined> {
  try {
    const detector: Detector = await import(PACKAGE);
    detector.WorkgroupScheduler.prototype.run = runByInvocation;
    return detector;
  } catch {
    return undefined;
  }
}

/**
 * Runs each invocation up to its next barrier before the next one starts. The package's own order, a statement of each
 * in turn, lets all invocations share the last result of a function, since results are kept in the syntax tree. What
 * is unordered between two barriers stays so in either order.
 */
function runByInvocation(this: Scheduler): void {
  for (;;) {
    for (const invocation of this._invocations) runToBarrier(this, invocation);
    const waiting = this._invocations.filter(({ state }) => state === AT_BARRIER);
    if (waiting.length === 0) return this._tracker.endPhase();
    this._syncBarrier(waiting);
  }
}

function runToBarrier(scheduler: Scheduler, invocation: Invocation): void {
  while (invocation.state === RUNNING) {
    const command = scheduler._peek(invocation);
    const barrier = command && scheduler._asBarrier(command);
    if (!command) invocation.state = DONE;
    else if (barrier) {
      invocation.state = AT_BARRIER;
      invocation.barrierNode = barrier;
    } else {
      scheduler._tracker.currentInvocation = invocation.index;
      scheduler._tracker.currentLine = command.line;
      scheduler._debug.stepStack(invocation.stack, true);
    }
  }
}

/**
 * A source for version 1.6.0. It takes the name `block` for a keyword, and passes over a barrier that is the first
 * statement of a loop's body, so that everything around it looks unordered. Tiles and workgroups are made smaller, which
 * changes the length of loops, not where the barriers stand; a workgroup that is also a histogram of bytes stays.
 */
function adapted(source: string): string {
  return source.replaceAll(/\/\/.*$/gm, "")
    .replaceAll(/\bblock\b/g, "block_")
    .replaceAll(/\{\s*workgroupBarrier\(\)/g, "{ let before_barrier = 0; workgroupBarrier()")
    .replace("const KEYS = 32u;", "const KEYS = 8u;")
    .replace("const CHUNK = 16u;", "const CHUNK = 8u;")
    .replace("const COLUMNS = 8;", "const COLUMNS = 4;")
    .replace(/const (LANES|BLOCK) = 256u;/, source.includes("atomic<") ? "$&" : "const $1 = 32u;");
}

/** The first race of a launch, and barriers that not all invocations reach. */
export function racesOf(detector: Detector, launch: Launch, buffers: readonly ArrayBufferView[]): string[] {
  const { source, entryPoint = "main", groups, overrides: constants = {} } = launch;
  const bound = Object.fromEntries(launch.bindings.map((slot, binding) => [binding, buffers[slotOf(slot)]]));
  const { races, errors } = detector.detectRaces(adapted(source), entryPoint, groups, { 0: bound }, {
    constants,
  });
  return [...races.slice(0, 1).map(({ message }) => message), ...errors];
}

/** Whether a case has a launch in which invocations meet. */
export function hasBarriers(kernel: AnyKernel, { inputs, attrs }: AnyCase): boolean {
  return kernel.webgpu(inputs, attrs, DEFAULT_LIMITS).launches.some(({ source }) =>
    /Barrier\(\)/.test(source)
  );
}

/** Runs the launches of a case one after the other on the same buffers, and says what is wrong with each. */
export function racesOfCase(detector: Detector, kernel: AnyKernel, test: AnyCase): string[] {
  const { launches, scratch = [] } = kernel.webgpu(test.inputs, test.attrs, DEFAULT_LIMITS);
  const values = inputValues(test);
  const made = [...kernel.infer(test.inputs, test.attrs), ...scratch];
  const buffers = [...test.inputs, ...made].map(({ dtype, shape }, i) => {
    const buffer = hostArray(dtype, sizeOf(shape) + PADDING);
    if (i < values.length) buffer.set(values[i]);
    return buffer;
  });
  return launches.flatMap((launch, i) =>
    racesOf(detector, launch, buffers).map((message) => `launch ${i}: ${message}`)
  );
}
