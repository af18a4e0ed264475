/**
 * Half-precision storage for kernels that are written in f32.
 *
 * WGSL computes in the type that an array is declared with. A kernel computes in f32 whatever its operands are stored
 * in, so its source says `array<f32>` (or `array<vec4f>`), and what differs with an `f16` operand is added where the
 * array is touched: `y[i] = 2.0 * x[i];` becomes `y[i] = f16(2.0 * f32(x[i]));`.
 *
 * @module
 */
import { DTypeError } from "../../core/errors.ts";
import type { Spec } from "../../core/spec.ts";
import { type Launch, slotOf } from "../../kernel.ts";
import { closing } from "./wgsl.ts";

/** Element types that sources declare for floats, and their counterparts of half the size. */
const HALVES: Readonly<Record<string, string>> = { f32: "f16", vec2f: "vec2<f16>", vec4f: "vec4<f16>" };

/** Types that hold the bits of any elements: a kernel that declares them copies words, or reads `f16` by itself. */
const UNTOUCHED: readonly string[] = ["f16", "u32", "vec4<u32>"];

const DECLARATION = /@group\(0\) @binding\((\d+)\) var<storage, \w+> (\w+): array<([^;]+)>;/g;
const ALIAS = /\balias (\w+) = ([^;]+);/g;

/** An array of the source that is stored in half precision. */
interface HalfArray {
  /** Element type that the source computes with. */
  readonly element: string;
  /** Element type in memory. */
  readonly stored: string;
}

/**
 * A launch for the dtypes that its buffers have. Arrays of `f16` buffers that the source declares as `f32`, `vec2f` or
 * `vec4f`, or by an alias of these, get half the size; every read is widened and every write rounded. Arrays of words, which
 * are copied as they are, stay. A launch without `f16` buffers is returned as it is.
 *
 * @param specs of all slots: inputs, outputs, scratch
 * @throws {DTypeError} when the source declares the array of an `f16` buffer as anything else
 */
export function withStorageTypes(launch: Launch, specs: readonly Spec[]): Launch {
  const unseen = new Set(
    launch.bindings.flatMap((slot, i) => specs[slotOf(slot)]?.dtype === "f16" ? [i] : []),
  );
  if (unseen.size === 0) return launch;
  const halves = new Map<string, HalfArray>();
  const aliases = new Map([...launch.source.matchAll(ALIAS)].map(([, name, type]) => [name, type]));
  for (const [, binding, name, element] of launch.source.matchAll(DECLARATION)) {
    if (!unseen.delete(Number(binding))) continue;
    const type = aliases.get(element) ?? element;
    const stored = HALVES[type];
    if (stored) halves.set(name, { element, stored });
    else if (!UNTOUCHED.includes(type)) {
      throw new DTypeError(
        `Cannot keep f16 in "${name}: array<${element}>": an array of floats or words is wanted`,
      );
    }
  }
  const [unknown] = unseen;
  if (unknown !== undefined) {
    throw new DTypeError(`Cannot keep f16 in binding ${unknown}: its declaration is not one of an array`);
  }
  if (halves.size === 0) return launch;
  const declared = launch.source.replaceAll(DECLARATION, (line, _binding, name, element) => {
    const half = halves.get(name);
    return half ? line.replace(`array<${element}>`, `array<${half.stored}>`) : line;
  });
  return { ...launch, source: `enable f16;\n${convertAccesses(declared, halves)}` };
}

/** Rewrites every `name[...]` of the arrays in a piece of source. */
function convertAccesses(text: string, halves: ReadonlyMap<string, HalfArray>): string {
  const access = new RegExp(String.raw`//[^\n]*|(?<![\w.])(${[...halves.keys()].join("|")})\[`, "g");
  let [result, from] = ["", 0];
  for (let match = access.exec(text); match; match = access.exec(text)) {
    const [found, name] = match;
    if (name === undefined) continue;
    const half = halves.get(name)!;
    const end = closing(text, match.index + found.length, "[]");
    const place = `${name}[${convertAccesses(text.slice(match.index + found.length, end - 1), halves)}]`;
    const [assigned, operator] = text.slice(end).match(/^\s*([-+*/]?)=(?!=)/) ?? [];
    result += text.slice(from, match.index);
    from = end;
    if (assigned === undefined) result += `${half.element}(${place})`;
    else {
      const stop = text.indexOf(";", end);
      const value = convertAccesses(text.slice(end + assigned.length, stop), halves).trim();
      const whole = operator === "" ? value : `${half.element}(${place}) ${operator} (${value})`;
      result += `${place} = ${half.stored}(${whole})`;
      from = stop;
    }
    access.lastIndex = from;
  }
  return result + text.slice(from);
}
