// Split: part[row, j - start] = x[row, first + j], where `start` is the first element of the part that holds j.
//
// x is seen as [outer, width]: a part is a contiguous piece of every row. One launch handles up to 7 parts (8 storage
// buffers with x); a generated header declares them, `Element` (four u32 where all boundaries are multiples of 4, so
// that a lane moves 16 bytes; bits are copied as they are, whatever the dtype) and `store_part`.
// One invocation moves one element: invocation i -> row i / span, place i % span in the stretch of the row from the
// launch's first part to its last. Neighbours read neighbours and, but for the edges of parts, write neighbours.
// No workgroup memory, no barrier.
override workgroup_size: u32 = 64;
override size: u32;   // outer * span
override width: u32;  // elements of a row of x
override first: u32;  // place in the row of the launch's first part
override span: u32;   // elements from there to the end of its last part

@group(0) @binding(0) var<storage, read> x: array<Element>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= size) { return; }
  let row = i / span;
  let j = i % span;
  store_part(row, j, x[row * width + first + j]);
}
