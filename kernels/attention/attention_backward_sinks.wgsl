// dSink[h] = -sum over b, n of e^(sink - lse[b, h, n]) delta[b, h, n].
//
// One workgroup of 64 lanes a head. Lane l adds rows l, l + 64, ... of the B * N rows, then a fixed tree over
// workgroup memory adds the lanes; a barrier stands after every level, since each reads what the last one wrote.
override batch: u32;
override tokens: u32;
override heads: u32;

@group(0) @binding(0) var<storage, read> sinks: array<f32>;
@group(0) @binding(1) var<storage, read> stats: array<f32>;   // [2, B, H, N]: lse, delta
@group(0) @binding(2) var<storage, read_write> grad: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let head = group.x + group.y * groups.x;
  if (head >= heads) { return; }
  var sum = 0.0;
  for (var row = lane; row < batch * tokens; row += 64u) {
    let at = (row / tokens * heads + head) * tokens + row % tokens;
    sum -= exp(sinks[head] - stats[at]) * stats[batch * heads * tokens + at];
  }
  partial[lane] = sum;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width /= 2u) {
    if (lane < width) { partial[lane] += partial[lane + width]; }
    workgroupBarrier();
  }
  if (lane == 0u) { grad[head] = partial[0]; }
}
