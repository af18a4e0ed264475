import { ShapeError } from "../engine/core/errors.ts";
import { encodePng } from "./png.ts";
import { escapeXml, FONT_FAMILY, svgDocument, svgToPng, textWidth } from "./svg.ts";

/** How a grid of images is laid out and labelled. */
export interface ImageGridOptions {
  /** Side of each image in pixels. */
  readonly imageSize: number;
  /** Cells from top to bottom. */
  readonly rows: number;
  /** Cells from left to right. */
  readonly columns: number;
  /** Text at the left of each row, such as the class's name. */
  readonly rowLabels?: readonly string[];
  /**
   * Whole number by which every pixel is enlarged; chosen so that an image is about 128 pixels wide unless
   * given.
   */
  readonly scale?: number;
  /** One line above the grid. */
  readonly title?: string;
  /** One line below the grid. */
  readonly caption?: string;
}

const MARGIN = 24;
const GAP = 10;
const LABEL_SIZE = 15;
const TITLE_SIZE = 20;
const CAPTION_SIZE = 13;
const COLORS = { page: "#f3f4f6", border: "#d5d9e0", label: "#1f2937", caption: "#6b7280" } as const;

interface Layout {
  readonly tile: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws images as a labelled grid, row after row, enlarged without smoothing. Fewer images than cells leave
 * the last cells empty.
 *
 * @param images f32[N, 3, S, S] in [-1, 1]; values outside are clipped
 * @returns the bytes of a PNG file
 * @throws {ShapeError} when the images are not whole, do not fit the cells, or the labels are not one a row
 */
export async function imageGrid(
  images: Float32Array,
  options: ImageGridOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const count = checkGrid(images, options);
  const scale = options.scale ?? Math.max(1, Math.round(128 / options.imageSize));
  const layout = await layOut(options, scale);
  const elements = [
    `<rect width="100%" height="100%" fill="${COLORS.page}"/>`,
    ...titleAndCaption(options, layout),
    ...rowLabels(options, layout),
    ...Array.from({ length: count }, (_, i) => tileElement(images, i, options, layout, scale)),
  ];
  return svgToPng(svgDocument(layout.width, layout.height, elements.join("")));
}

function checkGrid(images: Float32Array, options: ImageGridOptions): number {
  const { imageSize, rows, columns, rowLabels, scale } = options;
  const count = images.length / (3 * imageSize * imageSize);
  const cells = rows * columns;
  if (!Number.isInteger(count) || count < 1 || count > cells) {
    throw new ShapeError(
      `Cannot draw a grid of ${rows} x ${columns} images: f32[1 to ${cells}, 3, ${imageSize}, ${imageSize}] wanted, ` +
        `got ${images.length} values`,
    );
  }
  if (rowLabels && rowLabels.length !== rows) {
    throw new ShapeError(`Cannot label ${rows} rows: one label a row wanted, got ${rowLabels.length}`);
  }
  if (scale !== undefined && !(Number.isInteger(scale) && scale >= 1)) {
    throw new ShapeError(`Cannot enlarge images ${scale} times: a whole number of at least 1 wanted`);
  }
  return count;
}

async function layOut(options: ImageGridOptions, scale: number): Promise<Layout> {
  const { rows, columns, rowLabels, title, caption } = options;
  const tile = options.imageSize * scale;
  const labelWidths = await Promise.all((rowLabels ?? []).map((label) => textWidth(label, LABEL_SIZE)));
  const left = MARGIN + (rowLabels ? Math.ceil(Math.max(...labelWidths)) + 16 : 0);
  const top = MARGIN + (title ? TITLE_SIZE + 16 : 0);
  const lineWidths = await Promise.all([
    title ? textWidth(title, TITLE_SIZE) : 0,
    caption ? textWidth(caption, CAPTION_SIZE) : 0,
  ]);
  const grid = left + columns * (tile + GAP) - GAP;
  return {
    tile,
    left,
    top,
    width: Math.max(grid, MARGIN + Math.ceil(Math.max(...lineWidths))) + MARGIN,
    height: top + rows * (tile + GAP) - GAP + (caption ? CAPTION_SIZE + 16 : 0) + MARGIN,
  };
}

function titleAndCaption({ title, caption }: ImageGridOptions, { height }: Layout): string[] {
  return [
    title
      ? textElement(title, MARGIN, MARGIN + TITLE_SIZE - 3, TITLE_SIZE, COLORS.label, 'font-weight="bold"')
      : "",
    caption ? textElement(caption, MARGIN, height - MARGIN, CAPTION_SIZE, COLORS.caption) : "",
  ];
}

function rowLabels(options: ImageGridOptions, { tile, left, top }: Layout): string[] {
  return (options.rowLabels ?? []).map((label, row) => {
    // Letters without descenders look centred when the baseline is a third of the size below the middle.
    const baseline = top + row * (tile + GAP) + tile / 2 + LABEL_SIZE / 3;
    return textElement(label, left - 16, baseline, LABEL_SIZE, COLORS.label, 'text-anchor="end"');
  });
}

function textElement(
  text: string,
  x: number,
  y: number,
  fontSize: number,
  color: string,
  attributes = "",
): string {
  const style = `font-family="${FONT_FAMILY}" font-size="${fontSize}" fill="${color}" ${attributes}`;
  return `<text x="${x}" y="${y}" ${style}>${escapeXml(text)}</text>`;
}

function tileElement(
  images: Float32Array,
  index: number,
  options: ImageGridOptions,
  { tile, left, top }: Layout,
  scale: number,
): string {
  const x = left + (index % options.columns) * (tile + GAP);
  const y = top + Math.floor(index / options.columns) * (tile + GAP);
  const pixels = options.imageSize * options.imageSize * 3;
  const image = images.subarray(index * pixels, (index + 1) * pixels);
  const png = encodePng({ width: tile, height: tile, rgba: enlarge(image, options.imageSize, scale) });
  return `<rect x="${x - 0.5}" y="${y - 0.5}" width="${tile + 1}" height="${tile + 1}" fill="none" ` +
    `stroke="${COLORS.border}"/>` +
    `<image x="${x}" y="${y}" width="${tile}" height="${tile}" href="data:image/png;base64,${png.toBase64()}"/>`;
}

/** One image f32[3, S, S] in [-1, 1] to u8[S * scale, S * scale, 4] by repeating pixels. */
function enlarge(image: Float32Array, size: number, scale: number): Uint8Array<ArrayBuffer> {
  const side = size * scale;
  const rgba = new Uint8Array(side * side * 4).fill(255);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = Math.floor(y / scale) * size + Math.floor(x / scale);
      for (let channel = 0; channel < 3; channel++) {
        const value = (image[channel * size * size + from] + 1) * 127.5;
        rgba[(y * side + x) * 4 + channel] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
  return rgba;
}
