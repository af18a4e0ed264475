/**
 * WGSL of buffers that a register tile reads and writes four neighbours at a time. `count` says how many of the four
 * exist.
 *
 * @module
 */

const LANES = ["x", "y", "z", "w"];

/** The element type of the buffers: rows that are multiples of four elements are moved 16 bytes at a time. */
export function elementOf(aligned: boolean): string {
  return aligned ? "vec4f" : "f32";
}

/**
 * `read_NAME(at, count)`: four elements of the buffer NAME from `at` on, or zeros. Without a branch: what does not exist
 * reads element 0, since a branch costs a software adapter more than a load.
 */
export function readerOf(name: string, aligned: boolean): string {
  const element = (at: string, i: number) =>
    `select(${aligned ? "vec4f()" : "0.0"}, ${name}[select(0u, ${at}, count > ${i}u)], count > ${i}u)`;
  const value = aligned
    ? element("at / 4u", 0)
    : `vec4f(\n    ${LANES.map((_, i) => element(`at + ${i}u`, i)).join(",\n    ")})`;
  return `fn read_${name}(at: u32, count: u32) -> vec4f {\n  return ${value};\n}\n`;
}

/** `write_NAME(at, count, value)`. */
export function writerOf(name: string, aligned: boolean): string {
  const lines = aligned
    ? [`  if (count > 0u) { ${name}[at / 4u] = value; }`]
    : LANES.map((lane, i) => `  if (count > ${i}u) { ${name}[at + ${i}u] = value.${lane}; }`);
  return [`fn write_${name}(at: u32, count: u32, value: vec4f) {`, ...lines, "}\n"].join("\n");
}

/** Bindings in order, with their readers and writers. */
export function memoryOf(
  buffers: readonly (readonly [name: string, access: "read" | "read_write"])[],
  aligned: boolean,
): string {
  const bindings = buffers.map(([name, access], i) =>
    `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${elementOf(aligned)}>;\n`
  );
  const functions = buffers.map(([name, access]) =>
    access === "read" ? readerOf(name, aligned) : writerOf(name, aligned)
  );
  return [...bindings, ...functions].join("");
}
