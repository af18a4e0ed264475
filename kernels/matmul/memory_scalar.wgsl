// Operands with rows of any length: four neighbours are up to four loads or stores, the first `count` of them.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

fn read_a(at: u32, count: u32) -> vec4f {
  var value = vec4f();
  if (count > 0u) { value.x = a[at]; }
  if (count > 1u) { value.y = a[at + 1u]; }
  if (count > 2u) { value.z = a[at + 2u]; }
  if (count > 3u) { value.w = a[at + 3u]; }
  return value;
}

fn read_b(at: u32, count: u32) -> vec4f {
  var value = vec4f();
  if (count > 0u) { value.x = b[at]; }
  if (count > 1u) { value.y = b[at + 1u]; }
  if (count > 2u) { value.z = b[at + 2u]; }
  if (count > 3u) { value.w = b[at + 3u]; }
  return value;
}

fn write_c(at: u32, count: u32, value: vec4f) {
  if (count > 0u) { c[at] = value.x; }
  if (count > 1u) { c[at + 1u] = value.y; }
  if (count > 2u) { c[at + 2u] = value.z; }
  if (count > 3u) { c[at + 3u] = value.w; }
}
