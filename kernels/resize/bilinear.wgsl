// y[o] = the blend of four neighbours of o's position in the source: along columns in both rows, then along rows.
// Mapping: an invocation is an element of the result; SIZE of them, 64 a workgroup, neighbours along a row. No
// workgroup memory, no barrier: neighbours share what they read through the cache. After positions.wgsl.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

fn blend(low: f32, high: f32, weight: f32) -> f32 { return low * (1.0 - weight) + high * weight; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let o = (id.x + id.y * groups.x) * 64u + lane;
  if (o >= SIZE) { return; }
  let plane = o / (OUT_ROWS * OUT_COLUMNS) * ROWS * COLUMNS;
  let r = row_position((o / OUT_COLUMNS) % OUT_ROWS);
  let c = column_position(o % OUT_COLUMNS);
  let low = plane + r.low * COLUMNS;
  let high = plane + r.high * COLUMNS;
  y[o] = blend(blend(x[low + c.low], x[low + c.high], c.weight),
               blend(x[high + c.low], x[high + c.high], c.weight), r.weight);
}
