// sine(x), cosine(x): absolute error below 3e-7 for |x| <= 8000.
// WGSL's own sin and cos may be off by 2^-11, and by anything outside [-pi, pi]; time embeddings reach 1000.
// x = quadrant * pi/2 + r with |r| <= pi/4: pi/2 is cut into three parts, of which the first two have so few bits
// that their products with the quadrant are exact, with or without fused multiply-add (Cody and Waite, 1980).
// The quadrant then chooses between the polynomials of sine and cosine, and the sign.
fn sine(x: f32) -> f32 {
  return quarter_turns(x, 0);
}

fn cosine(x: f32) -> f32 {
  return quarter_turns(x, 1);
}

fn quarter_turns(x: f32, ahead: i32) -> f32 {
  let whole = round(x * 0.636619772);
  let r = ((x - whole * 1.5703125) - whole * 4.837512969970703125e-4) - whole * 7.54978995489188216e-8;
  let r2 = r * r;
  let s = r + r * r2 * (-0.166666552 + r2 * (0.008332178 - r2 * 0.000195172164));
  let c = 1.0 - 0.5 * r2 + r2 * r2 * (0.0416666456 + r2 * (-0.00138873665 + r2 * 0.0000244383591));
  let quadrant = i32(whole) + ahead;
  let value = select(s, c, (quadrant & 1) == 1);
  return select(value, -value, (quadrant & 2) == 2);
}

