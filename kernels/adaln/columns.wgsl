// dvectors[b, p, c] = earlier(b, p, c) + what own() says that vector p gets from the sums over t of terms(b, t, c).
// own(), terms() and earlier() stand in front of this text.
// Mapping: a workgroup is 64 channels of one batch item; lane = (group of tokens, channel), so that 64 lanes read
//   neighbours. Each group of lanes takes every GROUPS-th token.
// Workgroup memory: one sum a lane, combined by a tree over the groups in a fixed order; none where GROUPS is 1, as on
//   a software adapter.
// Barriers: before each level of the tree, which reads what others wrote.
override BATCH: u32;
override TOKENS: u32;
override WIDTH: u32;
override PARTS: u32;

var<workgroup> partials: array<vec2f, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let tiles = (WIDTH + 63u) / 64u;
  let group = id.x + id.y * groups.x;
  let b = group / tiles;
  if (b >= BATCH) { return; }
  let c = group % tiles * 64u + lane % 64u;
  var sums = vec2f();
  if (c < WIDTH) {
    for (var t = lane / 64u; t < TOKENS; t += GROUPS) { sums += terms(b, t, c); }
  }
  if (GROUPS > 1u) {
    partials[lane] = sums;
    for (var half = GROUPS / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < 64u * half) { partials[lane] += partials[lane + 64u * half]; }
    }
  }
  if (c >= WIDTH || lane >= 64u) { return; }
  if (GROUPS > 1u) { sums = partials[lane]; }
  for (var p = 0u; p < PARTS; p++) {
    let at = (b * PARTS + p) * WIDTH + c;
    dvectors[at] = own(p, sums) + earlier(at);
  }
}
