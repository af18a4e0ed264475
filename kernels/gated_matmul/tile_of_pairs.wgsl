// The second operand of a gated product: columns 0-31 of a tile are rows of the gate's weight, columns 32-63 the same
// rows of the other one. An invocation thus has four sums of the gate and the four of the same outputs beside them.
// After memory with read_gate_weight() and read_up_weight(), in front of tile.wgsl of matmul; TRANS_B is true.
// `at` counts in a stack of tiles of 64 rows of K elements, as if the two weights had been dealt into it.
override N: u32;
override K: u32;
const HALF = 32u;
var<private> weight_start: u32;

fn read_b(at: u32, count: u32) -> vec4f {
  let line = at / K;
  let n = line / 64u * HALF + line % HALF;
  if (n >= N) { return vec4f(); }
  let place = weight_start + n * K + at % K;
  if (line % 64u < HALF) { return read_gate_weight(place, count); }
  return read_up_weight(place, count);
}

/// What a lane has of row `row`, in a tile whose first column is `j`: gate, up and silu(gate) * up of four outputs.
fn write_pair(row: u32, valid: bool, n: u32, gate_sum: vec4f, up_sum: vec4f) {
  let count = select(0u, min(N - min(n, N), 4u), valid);
  let at = row * N + n;
  write_gate(at, count, gate_sum);
  write_up(at, count, up_sum);
  write_hidden(at, count, gate_sum / (1.0 + exp(-max(gate_sum, vec4f(-80.0)))) * up_sum);
}
