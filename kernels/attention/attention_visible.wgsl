// Which keys a query sees; every attention shader starts with this text.
override tokens: u32;
override heads: u32;
override kv_heads: u32;
override score_scale: f32;
override causal: bool;
override window: u32;   // keys that a query sees; 0 for all

/// Whether query `i` sees key `j`; neither does where it is past the last token.
fn sees(i: u32, j: u32) -> bool {
  if (i >= tokens || j >= tokens) { return false; }
  return !causal || (j <= i && (window == 0u || i - j < window));
}

/// First and one past the last position that a tile of `count` positions from `first` has to look at: keys of
/// queries, or (with `of_keys`) queries of keys.
fn visible_range(first: u32, count: u32, of_keys: bool) -> vec2u {
  if (!causal) { return vec2u(0u, tokens); }
  let last = min(first + count, tokens) - 1u;
  if (of_keys) { return vec2u(first, select(min(tokens, last + window), tokens, window == 0u)); }
  return vec2u(select(0u, first + 1u - min(window, first + 1u), window > 0u), last + 1u);
}
