// Rows on hardware: calls handle_row(row, lane) of the kernel behind it, which loops over
//   `c = lane; c < WIDTH; c += LANES` and combines what its lanes found by sum_of_all() and largest_of_all().
// Mapping: a workgroup is a row; lane l handles elements l, l + LANES, ..., so that lanes read neighbours.
// Workgroup memory: one Partial a lane (the header says f32 or vec2f), combined by a tree in a fixed order.
// Barriers: before each level of the tree (it reads what others wrote), and before the memory is used again.
// Next: subgroup operations in place of the last five levels.
override ROWS: u32;
override WIDTH: u32;
override LANES: u32; // a power of two, at most 256

var<workgroup> partials: array<Partial, 256>;

fn combine(lane: u32, value: Partial, largest: bool) -> Partial {
  partials[lane] = value;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let other = partials[lane + half];
      partials[lane] = select(partials[lane] + other, max(partials[lane], other), largest);
    }
  }
  workgroupBarrier();
  let result = partials[0];
  workgroupBarrier();
  return result;
}

fn sum_of_all(lane: u32, value: Partial) -> Partial { return combine(lane, value, false); }
fn largest_of_all(lane: u32, value: Partial) -> Partial { return combine(lane, value, true); }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = id.x + id.y * groups.x;
  if (row >= ROWS) { return; }
  handle_row(row, lane);
}

