// y[o] = SCALE * sum over r of value(o, r); value() and y are in the generated header, fused into the read.
// Mapping: a workgroup is COLUMNS outputs times 256 / COLUMNS lanes; it sums CHUNK terms of each of its outputs.
//   Innermost loop kept: many columns, so that neighbouring invocations read neighbouring outputs' terms.
//   Innermost loop summed: one column, so that neighbouring invocations read neighbouring terms.
// Workgroup memory: one partial sum an invocation, added by a tree whose order is fixed: bit-reproducible.
// Barriers: one before each level of the tree, which reads what other invocations wrote on the level above.
// Chunks: y[chunk, o] is a partial sum where there are several; a second launch of this file adds them up.
// Next: subgroup adds in place of the last five levels, where the adapter has them.
override OUTPUTS: u32;
override TERMS: u32;
override CHUNK: u32;
override COLUMNS: u32;
override GROUPS: u32;
override SCALE: f32;
const WORKGROUP = 256u;

var<workgroup> partial: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) invocation: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= GROUPS) { return; }
  let tiles = (OUTPUTS + COLUMNS - 1u) / COLUMNS;
  let chunk = group / tiles;
  let o = (group % tiles) * COLUMNS + invocation % COLUMNS;
  let lanes = WORKGROUP / COLUMNS;
  var sum = 0.0;
  if (o < OUTPUTS) {
    let end = min(TERMS, (chunk + 1u) * CHUNK);
    for (var r = chunk * CHUNK + invocation / COLUMNS; r < end; r += lanes) {
      sum += value(o, r);
    }
  }
  partial[invocation] = sum;
  for (var half = WORKGROUP / 2u; half >= COLUMNS; half /= 2u) {
    workgroupBarrier();
    if (invocation < half) {
      partial[invocation] += partial[invocation + half];
    }
  }
  if (invocation < COLUMNS && o < OUTPUTS) {
    y[chunk * OUTPUTS + o] = partial[invocation] * SCALE;
  }
}
