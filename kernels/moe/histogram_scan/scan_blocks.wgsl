// blockCounts[b, e] <- sum of blockCounts[a, e] over a < b; counts[e] = sum over all blocks.
// Workgroup e: expert e. Lane l: blocks l, l + 256, l + 512, ... of that expert, 256 blocks a round.
// Workgroup memory: 256 partial sums of one round (Hillis and Steele's inclusive scan, 8 steps).
// Barriers: two a step, since each step reads what the step before wrote; one before the next round refills.
// Next: a work-efficient scan, worth it beyond 65,536 pairs, where a second round begins.
const LANES = 256u;
override EXPERTS: u32;
override BLOCKS: u32;
@group(0) @binding(0) var<storage, read_write> blockCounts: array<i32>;
@group(0) @binding(1) var<storage, read_write> counts: array<i32>;
var<workgroup> sums: array<i32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let expert = group.x + group.y * groups.x;
  if (expert >= EXPERTS) { return; }
  var before = 0;
  for (var first = 0u; first < BLOCKS; first += LANES) {
    let at = (first + lane) * EXPERTS + expert;
    var own = 0;
    if (first + lane < BLOCKS) { own = blockCounts[at]; }
    sums[lane] = own;
    workgroupBarrier();
    for (var step = 1u; step < LANES; step *= 2u) {
      var left = 0;
      if (lane >= step) { left = sums[lane - step]; }
      workgroupBarrier();
      sums[lane] += left;
      workgroupBarrier();
    }
    if (first + lane < BLOCKS) { blockCounts[at] = before + sums[lane] - own; }
    before += sums[LANES - 1u];
    workgroupBarrier();
  }
  if (lane == 0u) { counts[expert] = before; }
}
