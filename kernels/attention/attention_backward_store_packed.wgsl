// dK and dV are parts of one packed gradient f32[B, N, 3, H, D], which `turned` binds.
fn store_dv(at: u32, x: Element) { turned[at] = x; }
