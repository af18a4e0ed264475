// row[i] = start[e] + blockCounts[block, e] + rank[i], slot[row[i]] = i; -1 in slots and tiles that stay unused.
// start = exclusive scan of the counts rounded up to whole tiles; every workgroup makes it for itself.
// Workgroup g: pairs and rows 256 g to 256 g + 255 (there are at least as many rows as pairs). Lane l: pair and
// row l, and expert l of the scan. Pairs write used rows only, row lanes padding rows only: no two lanes meet.
// Workgroup memory: the end of each expert's rows. Barriers: two a step of the scan (Hillis and Steele).
const LANES = 256u;
override PAIRS: u32;
override EXPERTS: u32;
override ROWS: u32;
override TILE: u32;
@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> blockCounts: array<i32>;
@group(0) @binding(2) var<storage, read> counts: array<i32>;
@group(0) @binding(3) var<storage, read_write> offsets: array<i32>;
@group(0) @binding(4) var<storage, read_write> row: array<i32>;
@group(0) @binding(5) var<storage, read_write> slot: array<i32>;
@group(0) @binding(6) var<storage, read_write> tileExpert: array<i32>;
var<workgroup> ends: array<u32, LANES>;

fn start_of(expert: u32) -> u32 {
  if (expert == 0u) { return 0u; }
  return ends[expert - 1u];
}

// The first expert whose rows end behind `at`, or EXPERTS.
fn owner_of(at: u32) -> u32 {
  var low = 0u;
  var high = EXPERTS;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (ends[middle] > at) { high = middle; } else { low = middle + 1u; }
  }
  return low;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.x + group.y * groups.x;
  var padded = 0u;
  if (lane < EXPERTS) { padded = (u32(counts[lane]) + TILE - 1u) / TILE * TILE; }
  ends[lane] = padded;
  workgroupBarrier();
  for (var step = 1u; step < LANES; step *= 2u) {
    var left = 0u;
    if (lane >= step) { left = ends[lane - step]; }
    workgroupBarrier();
    ends[lane] += left;
    workgroupBarrier();
  }
  if (block == 0u && lane < EXPERTS) {
    offsets[lane + 1u] = i32(ends[lane]);
    if (lane == 0u) { offsets[0] = 0; }
  }
  let i = block * LANES + lane;
  if (i < PAIRS) {
    let expert = min(u32(indices[i]), EXPERTS - 1u);
    let at = i32(start_of(expert)) + blockCounts[block * EXPERTS + expert] + row[i];
    row[i] = at;
    slot[at] = i32(i);
  }
  if (i >= ROWS) { return; }
  let owner = owner_of(i);
  var used = false;
  var name = -1;
  if (owner < EXPERTS) {
    used = i < start_of(owner) + u32(counts[owner]);
    name = i32(owner);
  }
  if (!used) { slot[i] = -1; }
  if (i % TILE == 0u) { tileExpert[i / TILE] = name; }
}
