// Permute, version 1: y[i] = x[sum_d coordinate_d(i) * stride_d], with the strides of x in the order of y.
//
// The output is walked by at most 6 loops (dimensions that stay neighbours are merged; missing loops have size 1).
// One invocation moves one element: it takes i apart into coordinates, innermost first. Sizes are constants of the
// pipeline, so that the divisions become multiplications. Writes are contiguous; reads are as far apart as the
// innermost stride. No workgroup memory, no barrier. Bits are copied as they are, whatever the dtype.
// `permute_tiled.wgsl` makes the reads contiguous too, where both the read and the write direction are long.
override workgroup_size: u32 = 64;
override size: u32;
override size1: u32;
override size2: u32;
override size3: u32;
override size4: u32;
override size5: u32;
override stride0: u32;
override stride1: u32;
override stride2: u32;
override stride3: u32;
override stride4: u32;
override stride5: u32;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= size) { return; }
  let i5 = i / size5;
  let i4 = i5 / size4;
  let i3 = i4 / size3;
  let i2 = i3 / size2;
  let i1 = i2 / size1;
  y[i] = x[(i % size5) * stride5 + (i5 % size4) * stride4 + (i4 % size3) * stride3
         + (i3 % size2) * stride2 + (i2 % size1) * stride1 + i1 * stride0];
}
