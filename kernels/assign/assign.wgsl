// target[i] = source[i], as words: the dtype does not matter.
// One invocation an element; no workgroup memory, no barriers.
override size: u32;

@group(0) @binding(0) var<storage, read_write> target_words: array<u32>;
@group(0) @binding(1) var<storage, read> source_words: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= size) { return; }
  target_words[i] = source_words[i];
}
