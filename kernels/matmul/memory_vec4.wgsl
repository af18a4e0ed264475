// Operands whose rows are multiples of four elements: four neighbours are one 16-byte load or store.
// `count` says how many of the four exist; here that is all of them or none.
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;

fn read_a(at: u32, count: u32) -> vec4f {
  if (count == 0u) { return vec4f(); }
  return a[at / 4u];
}

fn read_b(at: u32, count: u32) -> vec4f {
  if (count == 0u) { return vec4f(); }
  return b[at / 4u];
}

fn write_c(at: u32, count: u32, value: vec4f) {
  if (count > 0u) { c[at / 4u] = value; }
}
