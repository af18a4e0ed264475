// Rows on a software adapter: calls handle_row(row, 0) of the kernel behind it, which loops over
//   `c = lane; c < WIDTH; c += LANES` and combines what its lanes found by sum_of_all() and largest_of_all().
// Mapping: an invocation is a row, so that its only lane handles all elements and nothing is left to combine.
// No workgroup memory, no barriers: on a CPU a barrier is a switch between the contexts of all invocations.
// Hardware would read columns of the tensor, one element from each row: see row_by_workgroup.wgsl.
override ROWS: u32;
override WIDTH: u32;
const LANES = 1u;

fn sum_of_all(lane: u32, value: Partial) -> Partial { return value; }
fn largest_of_all(lane: u32, value: Partial) -> Partial { return value; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) index: u32) {
  let row = (id.x + id.y * groups.x) * 64u + index;
  if (row >= ROWS) { return; }
  handle_row(row, 0u);
}

