// rank[i] = earlier pairs of i's block with i's expert; blockCounts[b, e] = pairs of block b with expert e.
// Workgroup b: block b of 256 pairs. Lane l: pair l of the block, and expert l of the histogram.
// Workgroup memory: the block's 256 experts. One barrier, between filling and reading it.
// No atomics: each lane compares all 256 pairs, so order and result are fixed.
// The rank goes to `row`, to which place.wgsl adds where the block's run of the expert begins.
// Next: subgroup ballots count 32 pairs at a time.
const BLOCK = 256u;
override PAIRS: u32;
override EXPERTS: u32;
override BLOCKS: u32;
@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> blockCounts: array<i32>;
@group(0) @binding(2) var<storage, read_write> row: array<i32>;
var<workgroup> chosen: array<u32, BLOCK>;

@compute @workgroup_size(BLOCK)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.x + group.y * groups.x;
  if (block >= BLOCKS) { return; }
  let pair = block * BLOCK + lane;
  var own = 0xffffffffu;
  if (pair < PAIRS) { own = min(u32(indices[pair]), EXPERTS - 1u); }
  chosen[lane] = own;
  workgroupBarrier();
  var rank = 0;
  var count = 0;
  for (var j = 0u; j < BLOCK; j++) {
    let other = chosen[j];
    if (j < lane && other == own) { rank++; }
    if (other == lane) { count++; }
  }
  if (pair < PAIRS) { row[pair] = rank; }
  if (lane < EXPERTS) { blockCounts[block * EXPERTS + lane] = count; }
}
