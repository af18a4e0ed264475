// Rows on hardware, in front of a kernel that loops over `c = lane; c < WIDTH; c += LANES`.
// Mapping: a workgroup is a row; lane l handles elements l, l + LANES, ..., so that lanes read neighbours.
// Workgroup memory: one Partial a lane (the header says f32 or vec2f), combined by a tree in a fixed order.
// Barriers: before each level of the tree (it reads what others wrote), and before the memory is used again.
// Next: subgroup operations in place of the last five levels.
override ROWS: u32;
override WIDTH: u32;
override LANES: u32; // a power of two, at most 256
override WORKGROUP: u32; // the same

var<workgroup> partials: array<Partial, 256>;

fn row_of(group: u32, index: u32) -> u32 { return group; }

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

