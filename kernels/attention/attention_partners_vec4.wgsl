// Which channels turn together, four at a time. Partners are `partner_distance` channels apart. At a distance of one
// they share a vector; at a multiple of four they are a vector of their own; at any other even distance, the second
// half of one vector and the first of another.
override partner_distance: u32;

/// Whether a channel is in the first half of its block.
fn leads(channel: u32) -> bool {
  return channel % (2u * partner_distance) < partner_distance;
}

/// Vectors with the partners of the first and of the second half of vector `d`.
fn partners(d: u32) -> vec2u {
  let channel = vec2u(4u * d, 4u * d + 2u);
  let leading = vec2<bool>(leads(channel.x), leads(channel.y));
  return select(channel - partner_distance, channel + partner_distance, leading) / 4u;
}

fn in_one_vector() -> bool {
  return partner_distance == 1u;
}

fn in_two_vectors() -> bool {
  return partner_distance % 4u == 2u;
}

/// -1 for the channels of vector `d` that are in the first half of their block, 1 for the others.
fn sides(d: u32) -> vec4f {
  if (in_one_vector()) { return vec4f(-1.0, 1.0, -1.0, 1.0); }
  let sides = select(vec2f(1.0), vec2f(-1.0), vec2<bool>(leads(4u * d), leads(4u * d + 2u)));
  return sides.xxyy;
}

