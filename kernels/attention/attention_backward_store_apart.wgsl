// dK and dV are tensors of their own.
@group(0) @binding(7) var<storage, read_write> dv: array<Element>;

fn store_dv(at: u32, x: Element) { dv[at] = x; }
