// Rows on a software adapter, in front of a kernel that loops over `c = lane; c < WIDTH; c += LANES`.
// Mapping: an invocation is a row, so that its only lane handles all elements and nothing is left to combine.
// No workgroup memory, no barriers: on a CPU a barrier is a switch between the contexts of all invocations.
// Hardware would read columns of the tensor, one element from each row: see row_by_workgroup.wgsl.
override ROWS: u32;
override WIDTH: u32;
const LANES = 1u;
const WORKGROUP = 64u;

fn row_of(group: u32, index: u32) -> u32 { return group * WORKGROUP + index; }
fn sum_of_all(lane: u32, value: Partial) -> Partial { return value; }
fn largest_of_all(lane: u32, value: Partial) -> Partial { return value; }

