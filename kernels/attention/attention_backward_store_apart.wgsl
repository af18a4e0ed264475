// dK and dV are tensors of their own.
@group(0) @binding(7) var<storage, read_write> dv: array<f32>;

fn store_dv(at: u32, x: f32) { dv[at] = x; }
