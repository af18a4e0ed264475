// What all poolings share: the sizes, and which rows (or columns) a window has, which windows a row is in. In front of
// the other files of this folder. An axis is (size of the image, windows, kernel, stride, padding).
override SIZE: u32; // invocations that have something to do
override ROWS: u32;
override COLUMNS: u32;
override OUT_ROWS: u32;
override OUT_COLUMNS: u32;
override KERNEL_ROWS: u32;
override KERNEL_COLUMNS: u32;
override STRIDE_ROWS: u32;
override STRIDE_COLUMNS: u32;
override PADDING_ROWS: u32;
override PADDING_COLUMNS: u32;

struct Span {
  first: u32,
  end: u32,
}

/// Elements of the image in window `o`.
fn window_span(o: u32, size: u32, kernel: u32, stride: u32, padding: u32) -> Span {
  let start = o * stride;
  return Span(max(start, padding) - padding, min(start + kernel - padding, size));
}

/// Windows that element `i` of the image is in.
fn covering_span(i: u32, windows: u32, kernel: u32, stride: u32, padding: u32) -> Span {
  let end = i + padding + 1u; // of the element, in the padded image
  let first = select(0u, (end - kernel + stride - 1u) / stride, end > kernel);
  return Span(first, min((end - 1u) / stride + 1u, windows));
}

fn rows_of(o: u32) -> Span { return window_span(o, ROWS, KERNEL_ROWS, STRIDE_ROWS, PADDING_ROWS); }
fn columns_of(o: u32) -> Span {
  return window_span(o, COLUMNS, KERNEL_COLUMNS, STRIDE_COLUMNS, PADDING_COLUMNS);
}
