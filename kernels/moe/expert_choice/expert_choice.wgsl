// Every expert takes its best tokens of every group; rows are laid out by expert, then group, then token. After
// select.wgsl.
// Workgroup g * E + e: the column of expert e in group g. Lane l: a run of neighbouring tokens, first counted (keys
//   above the threshold, and at it), then placed once the lanes before it are known.
// Workgroup memory: the lanes' pairs of counts. Barriers: two a step of their scan (Hillis and Steele).
// Where an expert begins follows from the limits alone: every workgroup adds them up for itself.
// Group 0 writes the expert's padding, counts and tiles; the last expert's also what stays unused at the end.
override TOKENS: u32;
override GROUPS: u32;
override MOST: u32;
override TILE: u32;
override ROWS: u32;
@group(0) @binding(2) var<storage, read_write> row: array<i32>;
@group(0) @binding(3) var<storage, read_write> slot: array<i32>;
@group(0) @binding(4) var<storage, read_write> counts: array<i32>;
@group(0) @binding(5) var<storage, read_write> offsets: array<i32>;
@group(0) @binding(6) var<storage, read_write> tile_expert: array<i32>;
var<workgroup> sums: array<vec2u, LANES>;

fn rows_of(expert: u32) -> u32 {
  return (GROUPS * limit_of(expert, MOST) + TILE - 1u) / TILE * TILE;
}

fn fill_rest(expert: u32, start: u32, lane: u32) {
  let used = GROUPS * limit_of(expert, MOST);
  let end = start + rows_of(expert);
  for (var r = start + used + lane; r < end; r += LANES) { slot[r] = -1; }
  for (var i = start / TILE + lane; i < end / TILE; i += LANES) { tile_expert[i] = i32(expert); }
  if (lane == 0u) {
    counts[expert] = i32(used);
    offsets[expert] = i32(start);
  }
  if (expert + 1u < EXPERTS) { return; }
  if (lane == 0u) { offsets[EXPERTS] = i32(end); }
  for (var r = end + lane; r < ROWS; r += LANES) { slot[r] = -1; }
  for (var i = end / TILE + lane; i < ROWS / TILE; i += LANES) { tile_expert[i] = -1; }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let column = id.x + id.y * groups.x;
  if (column >= GROUPS * EXPERTS) { return; }
  let expert = column % EXPERTS;
  let group = column / EXPERTS;
  let length = TOKENS / GROUPS;
  let first = group * length * EXPERTS + expert;
  let limit = limit_of(expert, MOST);
  let threshold = key_of_rank(first, length, limit, lane);
  let run = (length + LANES - 1u) / LANES;
  let begin = min(lane * run, length);
  let end = min(begin + run, length);
  var own = vec2u(0u);
  for (var t = begin; t < end; t++) {
    let key = key_at(first, t);
    own += vec2u(u32(key > threshold.x), u32(key == threshold.x));
  }
  sums[lane] = own;
  workgroupBarrier();
  for (var step = 1u; step < LANES; step *= 2u) {
    var left = vec2u(0u);
    if (lane >= step) { left = sums[lane - step]; }
    workgroupBarrier();
    sums[lane] += left;
    workgroupBarrier();
  }
  var before = sums[lane] - own;
  var start = 0u;
  for (var e = 0u; e < expert; e++) { start += rows_of(e); }
  for (var t = begin; t < end; t++) {
    let key = key_at(first, t);
    let tied = key == threshold.x;
    let pair = first + t * EXPERTS;
    if (key > threshold.x || (tied && before.y < threshold.y)) {
      let r = start + group * limit + before.x + min(before.y, threshold.y);
      row[pair] = i32(r);
      slot[r] = i32(pair);
    } else {
      row[pair] = i32(ROWS - 1u);
    }
    before += vec2u(u32(key > threshold.x), u32(tied));
  }
  if (group == 0u) { fill_rest(expert, start, lane); }
}
