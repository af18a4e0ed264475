/**
 * Text that WGSL sources are assembled from: a generated header goes in front of a `.wgsl` file.
 *
 * @module
 */

/** Lines that a kernel chooses per call: a number or boolean becomes a `const`, a string an `alias` of a type. */
export type WgslNames = Readonly<Record<string, number | boolean | string>>;

/**
 * Writes `const` and `alias` lines, for what `override` constants cannot say: array sizes of register tiles, and
 * element types. Numbers keep WGSL's abstract type, so that `64` serves as `u32`, `i32` and `f32`.
 *
 * @throws {RangeError} when a number is not finite, which WGSL cannot write
 */
export function wgslHeader(names: WgslNames): string {
  return Object.entries(names).map(([name, value]) => {
    if (typeof value === "string") return `alias ${name} = ${value};\n`;
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new RangeError(
        `Cannot write ${name} as a WGSL constant: a finite number is wanted, got ${value}`,
      );
    }
    return `const ${name} = ${value};\n`;
  }).join("");
}

/**
 * A source for Dawn, which wants a directive where lanes of a subgroup talk to each other. Deno refuses the directive and
 * needs none.
 */
export function withSubgroupDirective(source: string): string {
  return /\bsubgroup[A-Z]\w*\(/.test(source) ? `enable subgroups;\n${source}` : source;
}

/** Place behind the bracket that closes the one before `from`; `pair` is `[]` or `{}`. */
export function closing(text: string, from: number, [open, close]: string): number {
  let [depth, at] = [1, from];
  for (; depth > 0; at++) {
    if (text[at] === open) depth++;
    else if (text[at] === close) depth--;
  }
  return at;
}

/**
 * The number of a workgroup in a grid made by `gridOf`: `linear_workgroup(workgroup_id, num_workgroups)`. The grid
 * may be larger than the count, so a kernel returns where the number reaches it.
 */
export const LINEAR_WORKGROUP: string = `fn linear_workgroup(id: vec3u, groups: vec3u) -> u32 {
  return id.x + id.y * groups.x;
}
`;
