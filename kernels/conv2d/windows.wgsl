// The implicit matrix of a convolution: element (k, n) is what tap k of a channel sees at position n of the grid.
// k = (channel, i, j), n = (image, r, q): pixel (ORIGIN + r STRIDE + i, ORIGIN + q STRIDE + j), 0 outside the image.
// After tile.wgsl of matmul, in the place of its memory; the file that follows defines read_a and read_b.
// Mapping: windows() gives four neighbouring positions of one k to one invocation. Neighbours of a row are neighbours
//   in memory where the stride is 1, so that a workgroup's loads are few cache lines.
// The matrix is never in memory: a workgroup holds 16 x 64 elements of it at a time.
override CHANNELS: u32;
override HEIGHT: u32;
override WIDTH: u32;
override GRID_ROWS: u32;
override GRID_COLUMNS: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;
override ORIGIN_Y: i32;
override ORIGIN_X: i32;
override TAPS_Y: u32;
override TAPS_X: u32;

const FOUR = vec4u(0u, 1u, 2u, 3u);

/// Four positions of the grid.
struct Positions {
  image: vec4u,
  row: vec4u,
  column: vec4u,
}

fn positions_of(n: vec4u) -> Positions {
  let line = n / GRID_COLUMNS;
  return Positions(line / GRID_ROWS, line % GRID_ROWS, n % GRID_COLUMNS);
}

/// The first `count` of the elements (k, n) to (k, n + 3), without a branch: what is outside reads element 0.
fn windows(k: u32, n: u32, count: u32) -> vec4f {
  let line = k / TAPS_X;
  let at = positions_of(n + FOUR);
  let y = ORIGIN_Y + vec4i(at.row * STRIDE_Y + line % TAPS_Y);
  let x = ORIGIN_X + vec4i(at.column * STRIDE_X + k % TAPS_X);
  let inside = (y >= vec4i()) & (y < vec4i(i32(HEIGHT))) & (x >= vec4i()) & (x < vec4i(i32(WIDTH))) &
    (FOUR < vec4u(count));
  let pixel = ((at.image * CHANNELS + line / TAPS_Y) * HEIGHT + vec4u(y)) * WIDTH + vec4u(x);
  let source = select(vec4u(), pixel, inside);
  return select(vec4f(), vec4f(images[source.x], images[source.y], images[source.z], images[source.w]), inside);
}
