// Permute, version 2: transposes tiles of 16 x 16 through workgroup memory, so that reads and writes are contiguous.
//
// Loop `a` has stride 1 in x, loop `b` has stride 1 in y; up to 4 other loops remain. One workgroup of 16 x 16
// invocations moves one tile: workgroup -> (other coordinates, tile of b, tile of a). Invocation (column, row) reads
// x at (a = column, b = row) and writes y at (a = row, b = column).
// Workgroup memory: 16 x 17 words; the 17th column puts the words of a tile's column into different banks.
// One barrier: a tile is written by rows and read by columns, so all of it must be there.
// Next: vec4 loads, four rows an invocation.
const TILE = 16u;
override count: u32;     // tiles in all
override tiles_a: u32;
override tiles_b: u32;
override a_size: u32;
override a_to: u32;      // stride of a in y
override b_size: u32;
override b_from: u32;    // stride of b in x
override size1: u32;
override size2: u32;
override size3: u32;
override from0: u32;
override from1: u32;
override from2: u32;
override from3: u32;
override to0: u32;
override to1: u32;
override to2: u32;
override to3: u32;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

var<workgroup> tile: array<array<u32, 17>, 16>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) local: vec3u) {
  let number = group.x + group.y * groups.x;
  if (number >= count) { return; }
  let first_a = number % tiles_a * TILE;
  let first_b = number / tiles_a % tiles_b * TILE;
  let i3 = number / tiles_a / tiles_b;
  let i2 = i3 / size3;
  let i1 = i2 / size2;
  let i0 = i1 / size1;
  let at3 = i3 % size3;
  let at2 = i2 % size2;
  let at1 = i1 % size1;
  let from_other = i0 * from0 + at1 * from1 + at2 * from2 + at3 * from3;
  let to_other = i0 * to0 + at1 * to1 + at2 * to2 + at3 * to3;
  if (first_a + local.x < a_size && first_b + local.y < b_size) {
    tile[local.y][local.x] = x[from_other + (first_b + local.y) * b_from + first_a + local.x];
  }
  workgroupBarrier();
  if (first_a + local.y < a_size && first_b + local.x < b_size) {
    y[to_other + (first_a + local.y) * a_to + first_b + local.x] = tile[local.x][local.y];
  }
}
