// Concat: y[row, first + j] = part[row, j - start], where `start` is the first element of the part that holds j.
//
// y is seen as [outer, width]: a part is a contiguous piece of every row. One launch handles up to 7 parts (8 storage
// buffers with y); a generated header declares them, `Element` (four u32 where all boundaries are multiples of 4, so
// that a lane moves 16 bytes; bits are copied as they are, whatever the dtype) and `load_part`.
// One invocation moves one element: invocation i -> row i / span, place i % span in the stretch of the row that the
// launch fills. Neighbours write neighbours and, but for the edges of parts, read neighbours.
// No workgroup memory, no barrier.
override workgroup_size: u32 = 64;
override size: u32;   // outer * span
override width: u32;  // elements of a row of y
override first: u32;  // place in the row of the launch's first part
override span: u32;   // elements of the launch's parts in one row

@group(0) @binding(0) var<storage, read_write> y: array<Element>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= size) { return; }
  let row = i / span;
  let j = i % span;
  y[row * width + first + j] = load_part(row, j);
}
