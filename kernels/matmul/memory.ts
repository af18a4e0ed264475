/**
 * WGSL of buffers that a register tile reads and writes four neighbours at a time. `count` says how many of the four
 * exist.
 *
 * @module
 */

/** The elements of a vector. */
export const CHANNELS: readonly string[] = ["x", "y", "z", "w"];

/** The element type of the buffers: rows that are multiples of four elements are moved 16 bytes at a time. */
export function elementOf(aligned: boolean): string {
  return aligned ? "vec4f" : "f32";
}

/**
 * `read_NAME(at, count)`: four elements of the buffer NAME from `at` on, or zeros. By branches: with selects in their
 * place, loops over a lane's sums grow too long for Mesa to unroll, and the sums leave the registers.
 */
export function readerOf(name: string, aligned: boolean): string {
  const lines = aligned
    ? [`  if (count > 0u) { value = ${name}[at / 4u]; }`]
    : CHANNELS.map((channel, i) => `  if (count > ${i}u) { value.${channel} = ${name}[at + ${i}u]; }`);
  return [
    `fn read_${name}(at: u32, count: u32) -> vec4f {`,
    "  var value = vec4f();",
    ...lines,
    "  return value;\n}\n",
  ].join("\n");
}

/** `write_NAME(at, count, value)`. */
export function writerOf(name: string, aligned: boolean): string {
  const lines = aligned
    ? [`  if (count > 0u) { ${name}[at / 4u] = value; }`]
    : CHANNELS.map((channel, i) => `  if (count > ${i}u) { ${name}[at + ${i}u] = value.${channel}; }`);
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
